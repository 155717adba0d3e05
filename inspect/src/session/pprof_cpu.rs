//! `pprof-cpu`: a CPU profile in pprof's format, and its top functions.

use std::io::{self, Write};
use std::time::Duration;

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::End;
use rgops_protocol::request::{PprofCpuRequest, Request};

use super::answer::{Answer, end_of};
use super::completeness::Completeness;
use super::connect::Session;
use super::error::SessionError;
use super::gathering::{Gathered, milliseconds};
use super::kept_profile::KeptProfile;
use super::profile_view::{ProfileView, table};
use super::progress::Progress;
use crate::profile;
use crate::profile::proto::Profile;
use crate::profile::top::{self, Top};
use crate::profile::{KernelTime, OwnCode};
use crate::report::Document;
use crate::report::pprof_cpu::{JsonPprofCpu, Reconciliation, kernel_line, missing_names, own_code};
use crate::report::screen::Screen;

/// What to sample.
#[derive(Debug, Clone)]
pub struct CpuProfileOptions {
    duration: Duration,
    hz: u32,
    rows: usize,
    by_cum: bool,
    times: bool,
}

impl Default for CpuProfileOptions {
    fn default() -> CpuProfileOptions {
        CpuProfileOptions { duration: Duration::from_secs(30), hz: 99, rows: 10, by_cum: false, times: false }
    }
}

impl CpuProfileOptions {
    /// How long to sample, 30 s by default.
    #[must_use]
    pub fn duration(mut self, duration: Duration) -> CpuProfileOptions {
        self.duration = duration;
        self
    }

    /// Sampling rate in Hz of CPU time, 99 by default.
    #[must_use]
    pub fn hz(mut self, hz: u32) -> CpuProfileOptions {
        self.hz = hz;
        self
    }

    /// Rows of the table of functions, 10 by default; 0 for all.
    #[must_use]
    pub fn rows(mut self, rows: usize) -> CpuProfileOptions {
        self.rows = rows;
        self
    }

    /// The table of functions by what they use and call (pprof's `-cum`), instead of what they use themselves.
    #[must_use]
    pub fn by_cum(mut self, by_cum: bool) -> CpuProfileOptions {
        self.by_cum = by_cum;
        self
    }

    /// Whether samples have the time at which they were taken, as the label `timestamp`, for a timeline. Not by default:
    /// samples with the same stack are then not joined.
    #[must_use]
    pub fn times(mut self, times: bool) -> CpuProfileOptions {
        self.times = times;
        self
    }
}

/// A CPU profile.
#[derive(Debug)]
pub struct CpuProfile {
    hello: AgentHello,
    kept: KeptProfile,
    reconciliation: Reconciliation,
    kernel: KernelTime,
    /// Why functions have no names, as lines.
    nameless: String,
    end: Result<End, SessionError>,
}

impl CpuProfile {
    /// The profile.
    pub fn profile(&self) -> &Profile {
        &self.kept.profile
    }

    /// CPU time of the program during the profile, also of threads that ended and that no sample shows; without the
    /// agent's. `None` if the answer ended early.
    pub fn cpu_ns(&self) -> Option<u64> {
        let own = self.reconciliation.agent_cpu_ns.unwrap_or(0);
        self.reconciliation.process_cpu_ns.map(|all| all.saturating_sub(own))
    }

    /// Functions by descending flat value. They are summed up at the first call, so that the profile can be saved before,
    /// and within the memory and the deadline of the command, so call it soon.
    pub fn top(&self) -> &Top {
        self.kept.top()
    }

    /// The program's own functions with what they use and call; `None` when memory or time did not suffice. Summed up
    /// like [`CpuProfile::top`].
    pub fn own_code(&self) -> Option<&OwnCode> {
        self.kept.own_code(&self.kernel)
    }

    /// How much of the CPU time is in system calls.
    pub fn kernel_time(&self) -> &KernelTime {
        &self.kernel
    }

    /// Writes the profile in the format of `go tool pprof`: gzipped protocol buffers.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
        self.kept.write_to(out)
    }
}

impl Session {
    /// Samples the stacks of the threads while they use the CPU.
    ///
    /// # Errors
    /// [`SessionError`], if nothing was received.
    pub fn cpu_profile(
        &mut self,
        options: &CpuProfileOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<CpuProfile, SessionError> {
        let duration_ms = milliseconds(options.duration);
        let request = Request::PprofCpu(PprofCpuRequest { duration_ms, hz: options.hz });
        let (mut answer, _running) = self.ask(&request, options.duration)?;
        let mut gathering = profile::CpuProfile::new(self.process(answer.budget())).with_times(options.times);
        let gathered = Gathered::from_answer(&mut answer, progress, |part| {
            gathering.add(part);
            gathering.exhausted().map_or(Ok(()), |exhausted| Err(exhausted.into()))
        });
        let incomplete = gathered.incomplete();
        let end = match gathered.end {
            Err(error) if gathering.start().is_none() => return Err(error),
            end => end,
        };
        if let Ok(end) = &end {
            gathering.end(end);
        }
        let reconciliation = Reconciliation::new(&gathering);
        let kernel = gathering.kernel_time();
        let nameless = missing_names(gathering.module_symbols());
        let budget = gathering.budget().clone();
        let profile = gathering.build(incomplete.as_ref());
        let top = top::Options { sample_type: "cpu", rows: options.rows, by_cum: options.by_cum };
        let kept = KeptProfile::new(profile, top, budget);
        Ok(CpuProfile { hello: self.hello().clone(), kept, reconciliation, kernel, nameless, end })
    }
}

#[cfg(test)]
pub(super) type Json = Document<JsonPprofCpu<'static>>;

impl Answer for CpuProfile {
    type View = ProfileView;
    type Body<'a> = JsonPprofCpu<'a>;

    fn text(&self, _: &ProfileView) -> Screen {
        let own = self.own_code().map_or_else(String::new, |own| own_code(own, self.kept.rows()));
        let account = self.reconciliation.line();
        let kernel = kernel_line(&self.kernel, self.reconciliation.sampled_ns);
        let bursts = self.reconciliation.bursts();
        format!("{own}{}\n{account}\n{kernel}\n{bursts}{}", table(self.top()), self.nameless).into()
    }

    fn json<'a>(&'a self, view: &'a ProfileView) -> Document<JsonPprofCpu<'a>> {
        let end = end_of(&self.end);
        let top = (self.top(), self.own_code(), &self.kernel);
        let reconciliation = self.reconciliation.clone();
        JsonPprofCpu::document(&self.hello, view.saved_in(), self.profile(), top, reconciliation, end)
    }

    fn completeness(&self) -> Completeness<'_> {
        let is_partial = self.top().left_out.is_some() || !self.reconciliation.bursts().is_empty();
        Completeness::of(self.end.as_ref()).partial_if(is_partial)
    }
}
