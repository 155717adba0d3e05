//! The rules: which commands the program's author denied and allowed, which run alone, and who may read memory.

use rgops_protocol::error::{Code, Error};
use rgops_protocol::reply::Unavailable;
use rgops_protocol::request::{Command, Effect, MemoryUse, Request};

use super::exclusive_lock::{ExclusiveLock, Guard};

/// Decides which requests are answered. By default: every command that changes nothing, and memory only on the local
/// socket.
#[derive(Debug, Default)]
pub(crate) struct Policy {
    denied: Vec<Command>,
    /// Commands that may change something in the program.
    allowed: Vec<Command>,
    /// Whether clients on TCP may read the program's memory.
    memory_over_tcp: bool,
    exclusive: ExclusiveLock,
}

/// How a client connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Over the local socket: the same user, or root. Both could read the program's memory anyway.
    Local,
    /// Over TCP: any client that knows the token.
    Remote,
}

/// An admitted request.
pub(crate) struct Admitted<'p> {
    /// Held until the answer is complete.
    pub(crate) guard: Option<Guard<'p>>,
    /// Whether the answer may have bytes of the program's memory; else why not.
    pub(crate) memory: Result<(), Unavailable>,
}

impl Policy {
    pub(crate) fn new(denied: Vec<Command>, allowed: Vec<Command>, memory_over_tcp: bool) -> Policy {
        Policy { denied, allowed, memory_over_tcp, exclusive: ExclusiveLock::default() }
    }

    /// The commands with at least one request that is answered, sorted by number. The hello lists them.
    pub(crate) fn answered(&self) -> Vec<Command> {
        let may_change =
            |command: &Command| command.effect() != Effect::Always || self.allowed.contains(command);
        let mut commands: Vec<_> = Command::ALL.into_iter().collect();
        commands.retain(|command| !self.is_denied(*command) && may_change(command));
        commands.sort_unstable();
        commands
    }

    /// Whether the program's author denied the command. Then other commands must not do its work either.
    pub(crate) fn is_denied(&self, command: Command) -> bool {
        self.denied.contains(&command)
    }

    /// Refuses a denied command, regardless of the request.
    pub(crate) fn check_command(&self, command: Command) -> Result<(), Error> {
        if !self.is_denied(command) {
            return Ok(());
        }
        Err(Error::new(
            Code::NotAllowed,
            format!("{} is not allowed", command.name()),
            "the program's author denied it",
            format!("remove Options::deny(Command::{command:?}) from the program"),
        ))
    }

    /// Admits a request, or refuses it.
    pub(crate) fn admit(&self, request: &Request, origin: Origin) -> Result<Admitted<'_>, Error> {
        let command = request.command();
        // A connection checks this before it decodes the request, so that a denied command is refused with this
        // error in any version. It is checked here again, so that `admit` is safe for every caller.
        self.check_command(command)?;
        if request.changes() && !self.allowed.contains(&command) {
            return Err(Error::new(
                Code::NotAllowed,
                format!("{} is not allowed", command.name()),
                "it changes something in the program, and the program's author did not allow it",
                format!("add Options::allow(Command::{command:?}) to the program's agent::listen"),
            ));
        }
        let memory = match command.memory() {
            MemoryUse::Never => Err(Unavailable {
                reason: format!("{} does not send the program's memory", command.name()),
                fix: String::new(),
            }),
            MemoryUse::Partly => self.memory(origin),
            MemoryUse::Only => Ok(self.memory(origin).map_err(|refused| {
                Error::new(Code::NotAllowed, "cannot read memory", refused.reason, refused.fix)
            })?),
        };
        let guard = command.is_exclusive().then(|| self.exclusive.enter(command)).transpose()?;
        Ok(Admitted { guard, memory })
    }

    /// Whether `origin` may have bytes of the program's memory; else why not.
    fn memory(&self, origin: Origin) -> Result<(), Unavailable> {
        if self.is_denied(Command::Read) {
            return Err(Unavailable {
                reason: "the program's author denied reading its memory".to_owned(),
                fix: "remove Options::deny(Command::Read) from the program".to_owned(),
            });
        }
        match origin {
            Origin::Local => Ok(()),
            Origin::Remote if self.memory_over_tcp => Ok(()),
            Origin::Remote => Err(Unavailable {
                reason: "the agent does not read the program's memory over TCP".to_owned(),
                fix:
                    "run rgops on the program's host, as its user; or call Options::memory_over_tcp in the program"
                        .to_owned(),
            }),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use rgops_protocol::request::{
        Envelope, GcRequest, HeapRateRequest, ReadRequest, StackRequest, StatsRequest, TasksRequest,
    };

    use super::*;

    fn code(policy: &Policy, request: impl Into<Request>, origin: Origin) -> Option<Code> {
        policy.admit(&request.into(), origin).err().map(|error| error.code())
    }

    #[test]
    fn requests_that_change_something_need_permission() {
        let policy = Policy::default();
        assert_eq!(code(&policy, GcRequest {}, Origin::Local), Some(Code::NotAllowed));
        assert_eq!(
            code(&policy, HeapRateRequest { set_bytes: Some(1) }, Origin::Local),
            Some(Code::NotAllowed)
        );
        assert_eq!(code(&policy, HeapRateRequest { set_bytes: None }, Origin::Local), None);
        assert!(!policy.answered().contains(&Command::Gc) && policy.answered().contains(&Command::HeapRate));
        let policy = Policy::new(vec![], vec![Command::Gc], false);
        assert_eq!(code(&policy, GcRequest {}, Origin::Remote), None);
        assert!(policy.answered().contains(&Command::Gc));
    }

    #[test]
    fn deny_overrides_allow() {
        let policy = Policy::new(vec![Command::Gc, Command::Stats], vec![Command::Gc], false);
        assert_eq!(code(&policy, GcRequest {}, Origin::Local), Some(Code::NotAllowed));
        assert_eq!(code(&policy, StatsRequest { window_ms: 1 }, Origin::Local), Some(Code::NotAllowed));
        assert!(!policy.answered().contains(&Command::Stats));
    }

    #[test]
    fn memory_is_readable_only_on_the_local_socket_by_default() {
        let read = ReadRequest { ranges: vec![] };
        assert_eq!(code(&Policy::default(), read.clone(), Origin::Local), None);
        assert_eq!(code(&Policy::default(), read.clone(), Origin::Remote), Some(Code::NotAllowed));
        assert_eq!(code(&Policy::new(vec![], vec![], true), read, Origin::Remote), None);
        // The part without memory is answered.
        let tasks = TasksRequest { max_cell_bytes: 1, max_depth: 0 };
        assert_eq!(code(&Policy::default(), tasks, Origin::Remote), None);
    }

    #[test]
    fn denying_read_denies_memory_to_every_command() {
        for command in Command::ALL {
            let policy = Policy::new(vec![Command::Read], vec![command], true);
            for origin in [Origin::Local, Origin::Remote] {
                let admitted = policy.admit(&any_request(command), origin);
                assert!(
                    admitted.is_ok_and(|admitted| admitted.memory.is_err())
                        != (command.memory() == MemoryUse::Only),
                    "{command:?}"
                );
            }
        }
    }

    /// A request of the command, all zeros.
    fn any_request(command: Command) -> Request {
        let envelope = |length| Envelope {
            command: command as u16,
            version: *command.versions().end(),
            body: vec![0; length],
        };
        (0..100).find_map(|length| Request::from_envelope(&envelope(length)).ok()).unwrap()
    }

    #[test]
    fn no_command_has_memory_over_tcp_unless_the_author_allowed_it() {
        for command in Command::ALL {
            let memory_for = |memory_over_tcp, origin| {
                let policy = Policy::new(vec![], vec![command], memory_over_tcp);
                policy.admit(&any_request(command), origin).map(|admitted| admitted.memory.is_ok()).ok()
            };
            let has_memory = Some(command.memory() != MemoryUse::Never);
            let remote = memory_for(false, Origin::Remote);
            let expected = if command.memory() == MemoryUse::Only { None } else { Some(false) };
            assert_eq!(remote, expected, "{command:?}");
            assert_eq!(memory_for(true, Origin::Remote), has_memory, "{command:?}");
            assert_eq!(memory_for(false, Origin::Local), has_memory, "{command:?}");
        }
    }

    #[test]
    fn only_one_exclusive_command_runs_at_a_time() {
        let policy = Policy::default();
        let stack: Request = StackRequest { max_depth: 1 }.into();
        let guard = policy.admit(&stack, Origin::Local).unwrap();
        assert_eq!(code(&policy, stack.clone(), Origin::Local), Some(Code::Busy));
        assert_eq!(code(&policy, StatsRequest { window_ms: 1 }, Origin::Local), None);
        drop(guard);
        assert_eq!(code(&policy, stack, Origin::Local), None);
    }

    #[test]
    fn commands_are_sorted_by_number() {
        assert!(Policy::default().answered().is_sorted_by_key(|command| *command as u16));
    }
}
