//! The played CalDAV server as a process: the other side of benchmarks.
//!
//! `cargo run --release -p simulators --example caldav_stub -- --listen 127.0.0.1:5232`
//!
//! Prints the URL of its calendar home on one line, with a calendar for each name that follows
//! `--calendar`, and serves until it is killed. `--no-sync` refuses
//! sync-collection, as the stub did that peers were measured against.

use std::net::SocketAddr;

use simulators::caldav::{CaldavServer, Options, SyncSupport};

const USAGE: &str =
    "usage: caldav_stub [--listen ADDR:PORT] [--calendar NAME]… [--no-sync] [--log]";

fn main() -> Result<(), String> {
    let mut options = Options { log: false, ..Options::default() };
    let mut calendars = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(USAGE);
        match argument.as_str() {
            "--listen" => {
                let address = value()?;
                options.listen = address
                    .parse::<SocketAddr>()
                    .map_err(|error| format!("--listen {address}: {error}"))?;
            }
            "--calendar" => calendars.push(value()?),
            "--no-sync" => options.sync = SyncSupport::RefusedBare,
            "--log" => options.log = true,
            _ => return Err(USAGE.into()),
        }
    }
    let server = CaldavServer::start(options).map_err(|error| error.to_string())?;
    for name in calendars {
        server.add_calendar(&format!("{name}/"));
    }
    println!("{}", server.url());
    loop {
        std::thread::park();
    }
}
