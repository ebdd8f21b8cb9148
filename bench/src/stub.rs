//! The played CalDAV server as a process: prints its address and answers a line to a line.
//!
//! `requests`: how many came since the last time this was asked. `dump FOLDER NAME…`: writes
//! every object of the calendars named to `FOLDER/NAME/`. `so-far`: as `requests`, but goes on
//! counting. `delay MS`: every PUT is answered so much later.

use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Duration;

use simulators::caldav::{CaldavServer, Fault, Options, What};

use crate::child::{self, Answering};
use crate::product::Server;
use crate::report::Trouble;

/// The processor that the server is kept to.
pub const SERVER_CPU: usize = 0;
/// The processor that clients are kept to.
pub const CLIENT_CPU: usize = 1;

/// A running one.
#[derive(Debug)]
pub struct Stub {
    process: Answering,
    /// The calendar home, with `/` at its end.
    pub url: String,
}

impl Stub {
    /// Starts one that has these calendars, empty.
    pub fn start(calendars: &[String]) -> Result<Self, Trouble> {
        let mut arguments = vec!["stub"];
        arguments.extend(calendars.iter().map(String::as_str));
        let command = child::pinned(child::again(&arguments)?, Some(SERVER_CPU));
        let mut process = Answering::start(command)?;
        let url = process.line()?;
        Ok(Self { process, url })
    }

    /// As the product's configuration names it.
    pub fn server(&self) -> Server {
        Server { url: self.url.clone(), account: None }
    }

    /// Requests since this was last asked.
    pub fn requests(&mut self) -> Result<f64, Trouble> {
        self.process.ask("requests")?.parse().map_err(Trouble::failed)
    }

    /// The same, and goes on counting.
    pub fn requests_so_far(&mut self) -> Result<f64, Trouble> {
        self.process.ask("so-far")?.parse().map_err(Trouble::failed)
    }

    /// From now on every PUT is answered so much later.
    pub fn delay_writes(&mut self, milliseconds: u32) -> Result<(), Trouble> {
        self.process.ask(&format!("delay {milliseconds}")).map(drop)
    }

    /// Writes what the calendars hold into folders of these names; gives the number of objects.
    pub fn dump(&mut self, folder: &Path, calendars: &[String]) -> Result<usize, Trouble> {
        let line = format!("dump {} {}", folder.display(), calendars.join(" "));
        self.process.ask(&line)?.parse().map_err(Trouble::failed)
    }
}

/// The process: serves until nobody asks any more.
pub fn be_the_child(calendars: &[&str]) -> Result<(), Trouble> {
    let server = CaldavServer::start(Options { log: false, ..Options::default() })?;
    for calendar in calendars {
        server.add_calendar(&format!("{calendar}/"));
    }
    println!("{}", server.url());
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["requests"] => {
                println!("{}", server.count_all());
                server.clear_log();
            }
            ["so-far"] => println!("{}", server.count_all()),
            ["delay", milliseconds] => {
                let delay = milliseconds.parse().map_err(Trouble::failed)?;
                let delay = What::Delay(Duration::from_millis(delay));
                server.set_faults([Fault::on("PUT").then(delay)]);
                println!("done");
            }
            ["dump", folder, ref calendars @ ..] => {
                println!("{}", dump(&server, Path::new(folder), calendars)?);
            }
            _ => return Err(Trouble::failed(format!("`{line}` is not understood"))),
        }
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn dump(server: &CaldavServer, folder: &Path, calendars: &[&str]) -> Result<usize, Trouble> {
    let mut count = 0;
    for calendar in calendars {
        let below = folder.join(calendar);
        std::fs::create_dir_all(&below)?;
        for (name, data) in server.objects(&format!("{calendar}/")) {
            std::fs::write(below.join(name), data)?;
            count += 1;
        }
    }
    Ok(count)
}
