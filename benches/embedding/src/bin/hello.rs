//! The smallest program: says hello, then sleeps.

fn main() {
    #[cfg(feature = "agent")]
    rgops_agent::listen(rgops_agent::Options::default()).expect("the agent listens");
    println!("ready");
    std::thread::sleep(std::time::Duration::from_secs(3600));
}
