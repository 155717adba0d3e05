//! Sandboxes like those of containers: seccomp(2) filters, for a thread or a whole process.

/// The kernel's action for a call (seccomp(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The call is made.
    Allow,
    /// The call fails with this errno.
    Fail(i32),
    /// The process ends.
    Kill,
}

impl Verdict {
    fn code(self) -> u32 {
        match self {
            Verdict::Allow => libc::SECCOMP_RET_ALLOW,
            Verdict::Fail(errno) => libc::SECCOMP_RET_ERRNO | errno.unsigned_abs(),
            Verdict::Kill => libc::SECCOMP_RET_KILL_PROCESS,
        }
    }
}

/// The scope of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The calling thread, and threads it starts.
    ThisThread,
    /// All threads of the process.
    AllThreads,
}

/// Rules in order; the first match decides.
#[derive(Debug, Clone)]
pub struct Filter {
    program: Vec<libc::sock_filter>,
}

/// Offsets in `struct seccomp_data` of the number and the low halves of the arguments (little endian).
const NUMBER: u32 = 0;
const FIRST_ARGUMENT: u32 = 16;

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

impl Filter {
    /// No rules yet.
    #[expect(clippy::new_without_default, reason = "a filter is finished by `otherwise`")]
    pub fn new() -> Filter {
        Filter { program: Vec::new() }
    }

    /// Adds a rule for a call.
    #[must_use]
    pub fn call(mut self, number: libc::c_long, verdict: Verdict) -> Filter {
        self.add(LOAD, 0, NUMBER);
        self.add(EQUAL, 1, number as u32);
        self.add(RETURN, 0, verdict.code());
        self
    }

    /// Adds a rule for a call whose first argument has these low 32 bits.
    #[must_use]
    pub fn call_with(mut self, number: libc::c_long, first: u32, verdict: Verdict) -> Filter {
        self.add(LOAD, 0, NUMBER);
        self.add(EQUAL, 3, number as u32);
        self.add(LOAD, 0, FIRST_ARGUMENT);
        self.add(EQUAL, 1, first);
        self.add(RETURN, 0, verdict.code());
        self
    }

    /// `skip` is the number of instructions to skip if a comparison fails.
    fn add(&mut self, code: u16, skip: u8, k: u32) {
        self.program.push(libc::sock_filter { code, jt: 0, jf: skip, k });
    }

    /// Installs the filter. `otherwise` is for calls without a rule.
    ///
    /// # Panics
    /// When the kernel rejects it.
    pub fn enforce(mut self, scope: Scope, otherwise: Verdict) {
        self.add(RETURN, 0, otherwise.code());
        let program = libc::sock_fprog { len: self.program.len() as u16, filter: self.program.as_mut_ptr() };
        let flags = if scope == Scope::AllThreads { libc::SECCOMP_FILTER_FLAG_TSYNC } else { 0 };
        // SAFETY: prctl(2) only takes numbers here; seccomp(2) reads the program, which lives until it returns.
        let refused = unsafe {
            assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
            libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
        };
        assert_eq!(refused, 0, "{}", std::io::Error::last_os_error());
    }
}
