//! Prints every Tokio task of a program, and what is unavailable: `cargo run -p rgops-inspect --example tasks --
//! PID`.

use rgops_inspect::session::{Answer as _, Session, TasksOptions, TasksView};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let target = std::env::args().nth(1).ok_or("usage: tasks PID")?;
    let mut session = Session::connect(&target)?;
    let answer = session.tasks(&TasksOptions::default(), &mut |_| {})?;
    for task in answer.tasks() {
        let future = task.future.as_ref().map_or("?", |name| &name.short);
        println!("task {} {:?} {}", task.id, task.state, rgops_inspect::text::escape(future));
    }
    // Like `rgops tasks --all`: each task with its await and the resource it waits for.
    print!("\n{}", answer.text(&TasksView::default().all(true)));
    for missing in answer.completeness().sentences() {
        eprintln!("note: {}", rgops_inspect::text::escape(&missing));
    }
    Ok(())
}
