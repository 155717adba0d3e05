//! Values for tests of several modules.

use rgops_protocol::hello::AgentHello;

/// The hello of an agent.
pub(crate) fn hello() -> AgentHello {
    AgentHello {
        protocol: 1,
        agent: "0.1.0".into(),
        pid: 4711,
        start_time: 99,
        cookie: [0; 16],
        build_id: Vec::new(),
        name: "shop".into(),
        commands: Vec::new(),
        oldest: rgops_protocol::tail::Tail::absent(),
    }
}
