//! Shows a profile in the browser: `cargo run -p rgops-web --example show -- cpu.pb.gz [ADDRESS]`.

use std::sync::Arc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("name a profile: show cpu.pb.gz")?;
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let profile = rgops_pprof::read_profile(&std::fs::read(&path)?)?;
    let server = rgops_web::serve(rgops_web::Analyser::new(Arc::new(profile), path), &address)?;
    println!("{}", server.url());
    loop {
        std::thread::park();
    }
}
