//! `diagnose`: a few seconds over everything the agent knows, then what is wrong, worst first.

use std::time::{Duration, Instant};

use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::End;

use super::answer::Answer;
use super::completeness::Completeness;
use super::connect::Session;
use super::error::SessionError;
use super::look::Looks;
use super::progress::Progress;
use crate::diagnose::{Diagnosis, Finding, JsonDiagnosis, Seen, diagnose, render};
use crate::report::Document;
use crate::report::screen::Screen;

/// How long to look.
#[derive(Debug, Clone)]
pub struct DiagnoseOptions {
    window: Duration,
}

impl Default for DiagnoseOptions {
    fn default() -> DiagnoseOptions {
        DiagnoseOptions { window: Duration::from_secs(3) }
    }
}

impl DiagnoseOptions {
    /// How long to look: 3 s by default, from 2 s to 5 s. A suspicion that needs more evidence takes longer.
    #[must_use]
    pub fn window(mut self, window: Duration) -> DiagnoseOptions {
        self.window = window.clamp(Duration::from_secs(2), Duration::from_secs(5));
        self
    }
}

/// What is wrong with a program, and what was looked at.
#[derive(Debug)]
pub struct Diagnose {
    hello: AgentHello,
    typed: String,
    seen: Seen,
    diagnosis: Diagnosis,
    /// Commands that failed or were incomplete.
    failed: Vec<String>,
}

impl Diagnose {
    /// What is wrong, worst first.
    pub fn findings(&self) -> &[Finding] {
        &self.diagnosis.findings
    }
}

impl Session {
    /// Looks at everything the agent knows for a few seconds, one command after the other, and finds what is wrong.
    ///
    /// # Errors
    /// [`SessionError`], if no command was answered.
    pub fn diagnose(
        &mut self,
        options: &DiagnoseOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Diagnose, SessionError> {
        let mut looks = Looks::new(Instant::now());
        looks.run(self, options.window, progress)?;
        let (mut seen, failed) = looks.seen(self);
        progress(Progress::Naming);
        let mut diagnosis = diagnose(&seen);
        if let Some(growing) = self.growing_lines(&diagnosis, progress) {
            seen.growing = growing;
            diagnosis = diagnose(&seen);
        }
        let (hello, typed) = (self.hello().clone(), self.typed().to_owned());
        Ok(Diagnose { hello, typed, seen, diagnosis, failed })
    }
}

#[cfg(test)]
pub(super) type Json = Document<JsonDiagnosis>;

impl Answer for Diagnose {
    type View = ();
    type Body<'a> = JsonDiagnosis;

    fn text(&self, (): &()) -> Screen {
        render(&self.hello, &self.typed, self.seen.window_ns, &self.diagnosis).into()
    }

    fn json(&self, (): &()) -> Document<JsonDiagnosis> {
        let end = End::default();
        JsonDiagnosis::document(&self.hello, &end, self.seen.window_ns, &self.diagnosis, &self.failed)
    }

    fn completeness(&self) -> Completeness<'_> {
        let complete = Completeness::of(Ok(&NO_NOTES)).partial_if(!self.failed.is_empty());
        complete.with_notes(&self.failed)
    }
}

static NO_NOTES: End = End { notes: Vec::new() };
