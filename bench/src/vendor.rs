//! A played vendor as a process, reached over TCP: prints its address, and on each line that it is
//! sent what it counted so far.
//!
//! It writes the credentials that the product needs, and who works there, into the folder that it
//! is given. Its budgets of requests in a time are lifted: this is for measuring memory and work,
//! and not time.

use std::fmt::Write as _;
use std::io::{BufRead, Write as _};
use std::path::Path;

use domain::Employee;
use jiff::civil::Date;
use simulators::genesys::{self, GenesysServer};
use simulators::google::{self, GoogleServer};
use simulators::graph::{self, GraphServer};

use crate::child::{self, Answering};
use crate::people::{Counted, Vendor};
use crate::report::Trouble;

/// The credentials of the OAuth client or of the app, in the folder.
pub const SECRET_FILE: &str = "secret";
/// The service account's file there.
pub const ACCOUNT_FILE: &str = "google.json";
/// Who works there, as an `employees_file`.
pub const EMPLOYEES_FILE: &str = "employees.csv";

/// Which vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Genesys Cloud, with an organisation that has planned.
    Genesys,
    /// Microsoft Graph, with empty mailboxes.
    Graph,
    /// Google Calendar, with users who have none of ours.
    Google,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Genesys, Self::Graph, Self::Google];

    fn word(self) -> &'static str {
        match self {
            Self::Genesys => "genesys",
            Self::Graph => "graph",
            Self::Google => "google",
        }
    }
}

/// A running one.
#[derive(Debug)]
pub struct Played {
    process: Answering,
    forgotten: Counted,
    /// Its URL, without `/` at its end: the API's and the sign-in's in one.
    pub url: String,
}

impl Played {
    /// Starts one. What is planned, if anything is, begins on `first`, a Monday.
    pub fn start(kind: Kind, folder: &Path, first: Date) -> Result<Self, Trouble> {
        let (folder, first) = (folder.display().to_string(), first.to_string());
        let command = child::again(&["vendor", kind.word(), &folder, &first])?;
        let mut process = Answering::start(command)?;
        let url = process.line()?;
        Ok(Self { process, forgotten: Counted::default(), url })
    }

    /// Counts from nothing.
    pub fn forget(&mut self) -> Result<(), Trouble> {
        self.forgotten = self.so_far()?;
        Ok(())
    }

    /// What was counted since.
    pub fn counted(&mut self) -> Result<Counted, Trouble> {
        Ok(self.so_far()?.since(self.forgotten))
    }

    fn so_far(&mut self) -> Result<Counted, Trouble> {
        let answer = self.process.ask("counts")?;
        let numbers: Result<Vec<u64>, _> = answer.split(' ').map(str::parse).collect();
        match numbers.map_err(Trouble::failed)?[..] {
            [writes, counted, requests, throttled] => {
                Ok(Counted { writes, counted, requests, throttled })
            }
            _ => Err(Trouble::failed(format!("`{answer}` is no count"))),
        }
    }
}

/// The process: plays the vendor until nobody asks any more.
pub fn be_the_child(kind: &str, folder: &str, first: &str) -> Result<(), Trouble> {
    let kind = Kind::ALL.into_iter().find(|it| it.word() == kind);
    let kind = kind.ok_or_else(|| Trouble::failed("not a vendor that is played"))?;
    let folder = Path::new(folder);
    match kind {
        Kind::Genesys => {
            let options = genesys::Options { rate: None, log: false, ..Default::default() };
            let server = GenesysServer::start(options)?;
            crate::genesys::organise(&server, first.parse().map_err(Trouble::failed)?);
            std::fs::write(folder.join(SECRET_FILE), genesys::SECRET)?;
            answer(&server.url(), server.genesys())
        }
        Kind::Graph => {
            let server = GraphServer::start(crate::outlook::options())?;
            let employees = crate::outlook::hire(&server)?;
            std::fs::write(folder.join(SECRET_FILE), graph::SECRET)?;
            write_employees(folder, &employees)?;
            answer(&server.url(), server.graph())
        }
        Kind::Google => {
            let options = google::Options { quotas: None, log: false, ..Default::default() };
            let server = GoogleServer::start(options)?;
            let employees = crate::google::hire(&server)?;
            std::fs::write(folder.join(ACCOUNT_FILE), server.service_account())?;
            write_employees(folder, &employees)?;
            answer(&server.url(), server.google())
        }
    }
}

fn answer(url: &str, vendor: &impl Vendor) -> Result<(), Trouble> {
    println!("{url}");
    for line in std::io::stdin().lock().lines() {
        line?;
        let Counted { writes, counted, requests, throttled } = vendor.counted();
        println!("{writes} {counted} {requests} {throttled}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn write_employees(folder: &Path, employees: &[Employee]) -> Result<(), Trouble> {
    let mut text = String::from("employee,email,m365_id\n");
    for employee in employees {
        let email = employee.email.as_deref().unwrap_or_default();
        let m365_id = employee.m365_id.as_deref().unwrap_or_default();
        writeln!(text, "{},{email},{m365_id}", employee.id).map_err(Trouble::failed)?;
    }
    Ok(std::fs::write(folder.join(EMPLOYEES_FILE), text)?)
}
