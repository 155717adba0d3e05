//! The rules: what the program's author denied and allowed, what runs alone, who may read memory.

use rgops_protocol::error::{Code, Error};
use rgops_protocol::reply::Unavailable;
use rgops_protocol::request::{Command, Effect, MemoryUse, Request};

use super::exclusive_lock::{ExclusiveLock, Guard};

/// What is answered to whom. By default all that changes nothing, and memory on the local socket only.
#[derive(Debug, Default)]
pub(crate) struct Policy {
    denied: Vec<Command>,
    /// Commands that may change something in the program.
    allowed: Vec<Command>,
    /// Whether those on TCP may read the program's memory.
    memory_over_tcp: bool,
    exclusive: ExclusiveLock,
}

/// Who asks, as far as it decides what is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    /// Over the local socket: the same user, or root, who could read the program's memory anyway.
    Local,
    /// Over TCP: whoever knows the token.
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

    /// The commands some request of which is answered, as the hello lists them, by number.
    pub(crate) fn answered(&self) -> Vec<Command> {
        let may_change =
            |command: &Command| command.effect() != Effect::Always || self.allowed.contains(command);
        let mut commands: Vec<_> = Command::ALL.into_iter().collect();
        commands.retain(|command| !self.is_denied(*command) && may_change(command));
        commands.sort_unstable();
        commands
    }

    /// Whether the program's author denied the command: then nothing does its work for another one either.
    pub(crate) fn is_denied(&self, command: Command) -> bool {
        self.denied.contains(&command)
    }

    /// Refuses a denied command, whatever is asked of it.
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
    pub(crate) fn admit(&self, request: &Request, asker: Asker) -> Result<Admitted<'_>, Error> {
        let command = request.command();
        // A connection checks this before it reads the request, so that a denied command is refused as such in any
        // version. Here it is checked again: what was admitted is allowed, whoever asked.
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
            MemoryUse::Partly => self.memory(asker),
            MemoryUse::Only => Ok(self.memory(asker).map_err(|refused| {
                Error::new(Code::NotAllowed, "cannot read memory", refused.reason, refused.fix)
            })?),
        };
        let guard = command.is_exclusive().then(|| self.exclusive.enter(command)).transpose()?;
        Ok(Admitted { guard, memory })
    }

    /// Whether `asker` may have bytes of the program's memory; else why not.
    fn memory(&self, asker: Asker) -> Result<(), Unavailable> {
        match asker {
            Asker::Local => Ok(()),
            Asker::Remote if self.memory_over_tcp => Ok(()),
            Asker::Remote => Err(Unavailable {
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

    fn code(policy: &Policy, request: impl Into<Request>, asker: Asker) -> Option<Code> {
        policy.admit(&request.into(), asker).err().map(|error| error.code())
    }

    #[test]
    fn what_changes_something_needs_permission() {
        let policy = Policy::default();
        assert_eq!(code(&policy, GcRequest {}, Asker::Local), Some(Code::NotAllowed));
        assert_eq!(
            code(&policy, HeapRateRequest { set_bytes: Some(1) }, Asker::Local),
            Some(Code::NotAllowed)
        );
        assert_eq!(code(&policy, HeapRateRequest { set_bytes: None }, Asker::Local), None);
        assert!(!policy.answered().contains(&Command::Gc) && policy.answered().contains(&Command::HeapRate));
        let policy = Policy::new(vec![], vec![Command::Gc], false);
        assert_eq!(code(&policy, GcRequest {}, Asker::Remote), None);
        assert!(policy.answered().contains(&Command::Gc));
    }

    #[test]
    fn what_is_denied_stays_so_though_it_is_allowed() {
        let policy = Policy::new(vec![Command::Gc, Command::Stats], vec![Command::Gc], false);
        assert_eq!(code(&policy, GcRequest {}, Asker::Local), Some(Code::NotAllowed));
        assert_eq!(code(&policy, StatsRequest { window_ms: 1 }, Asker::Local), Some(Code::NotAllowed));
        assert!(!policy.answered().contains(&Command::Stats));
    }

    #[test]
    fn memory_is_for_the_local_socket() {
        let read = ReadRequest { ranges: vec![] };
        assert_eq!(code(&Policy::default(), read.clone(), Asker::Local), None);
        assert_eq!(code(&Policy::default(), read.clone(), Asker::Remote), Some(Code::NotAllowed));
        assert_eq!(code(&Policy::new(vec![], vec![], true), read, Asker::Remote), None);
        // The rest of it is answered.
        let tasks = TasksRequest { max_cell_bytes: 1, max_depth: 0 };
        assert_eq!(code(&Policy::default(), tasks, Asker::Remote), None);
    }

    /// A request of the command: zeros, as many as it has.
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
            let memory_for = |memory_over_tcp, asker| {
                let policy = Policy::new(vec![], vec![command], memory_over_tcp);
                policy.admit(&any_request(command), asker).map(|admitted| admitted.memory.is_ok()).ok()
            };
            let has_memory = Some(command.memory() != MemoryUse::Never);
            let remote = memory_for(false, Asker::Remote);
            let expected = if command.memory() == MemoryUse::Only { None } else { Some(false) };
            assert_eq!(remote, expected, "{command:?}");
            assert_eq!(memory_for(true, Asker::Remote), has_memory, "{command:?}");
            assert_eq!(memory_for(false, Asker::Local), has_memory, "{command:?}");
        }
    }

    #[test]
    fn one_exclusive_command_at_a_time() {
        let policy = Policy::default();
        let stack: Request = StackRequest { max_depth: 1 }.into();
        let guard = policy.admit(&stack, Asker::Local).unwrap();
        assert_eq!(code(&policy, stack.clone(), Asker::Local), Some(Code::Busy));
        assert_eq!(code(&policy, StatsRequest { window_ms: 1 }, Asker::Local), None);
        drop(guard);
        assert_eq!(code(&policy, stack, Asker::Local), None);
    }

    #[test]
    fn commands_are_listed_by_their_numbers() {
        assert!(Policy::default().answered().is_sorted_by_key(|command| *command as u16));
    }
}
