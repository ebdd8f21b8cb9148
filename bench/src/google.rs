//! A Workspace's first sync with Google Calendar, in virtual time, beside what the vendor's budgets
//! allow ([`crate::people`]).
//!
//! The played Google holds to its quotas (10,000 requests a minute of a project, 600 of a user) and
//! answers each batch, list and sign-in after 120 ms. The time beside ours is what the requests
//! that Google counted need at least, whatever their order.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use connectors::google_workspace::{GoogleMirrorConfig, GoogleWorkspaceConfig};
use connectors::transport::{Dial, Stream};
use connectors::{ConnectionConfig as _, ConnectionContext, MirrorConfig as _, MirrorContext};
use domain::{ConnectionName, Employee, MirrorName};
use engine::port::{Clock, Target};
use engine::run::cycle::MirrorSpec;
use engine::run::gate::Gate;
use jiff::Timestamp;
use simulators::google::{Fault, Google, Options, Quotas, What};
use testkit::memory_store::MemoryStore;
use testkit::seeded_entropy::SeededEntropy;

use crate::Setting;
use crate::people::{self, Counted, EMPLOYEES, LATENCY, People, SHIFTS, Vendor, section};
use crate::report::{Report, Trouble};
use crate::virtual_time::VirtualClock;

/// Bytes that a pipe holds before its writer has to wait.
const PIPE_BYTES: usize = 64 * 1024;

/// Measures.
pub fn run(_: &Setting) -> Result<Report, Trouble> {
    let note = "Expected writes: one for each shift, and one for each employee's calendar.";
    people::run("google", "Google", note)
}

/// The process that is measured.
pub fn be_the_child() -> Result<(), Trouble> {
    people::be_the_child(workspace)
}

/// The way to a played Google in this process: each connection is a pipe, and a task behind it.
struct ToGoogle(Google);

#[async_trait]
impl Dial for ToGoogle {
    async fn dial(&self, _: &str, _: u16) -> io::Result<Box<dyn Stream>> {
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let google = self.0.clone();
        tokio::spawn(async move { google.serve_over(theirs).await });
        Ok(Box::new(ours))
    }
}

/// Gives everybody an account.
pub fn hire(google: &Google) -> Result<Vec<Employee>, Trouble> {
    let mut employees = Vec::new();
    for index in 0..EMPLOYEES {
        let email = format!("e{index}@example.com");
        google.add_user(&email, "Europe/Berlin");
        employees.push(Employee { email: Some(email), ..people::somebody(index)? });
    }
    Ok(employees)
}

fn workspace() -> Result<People<Google>, Trouble> {
    let start: Timestamp = "2026-11-23T00:00:00Z".parse().map_err(Trouble::failed)?;
    let clock = Arc::new(VirtualClock::starting_at(start));
    let read = Arc::clone(&clock);
    let google = Google::new(Options {
        clock: Some(Arc::new(move || read.now())),
        quotas: Some(Quotas { tolerance: Duration::ZERO, ..Quotas::default() }),
        log: false,
        ..Options::default()
    });
    google.set_faults([
        Fault::on_any().at("/batch/").then(What::Delay(LATENCY)),
        Fault::on_any().at("/token").then(What::Delay(LATENCY)),
        Fault::on_any().at("calendarList").then(What::Delay(LATENCY)),
        Fault::on("GET").at("/events?").then(What::Delay(LATENCY)),
    ]);
    let employees = hire(&google)?;
    let (spec, target, gate) = mirror(&google, &clock)?;
    let store = MemoryStore::new();
    Ok(People {
        vendor: google,
        clock,
        employees,
        spec,
        target,
        gate,
        store,
        writes_expected: SHIFTS + EMPLOYEES,
    })
}

impl Vendor for Google {
    fn counted(&self) -> Counted {
        let counts = self.counts();
        Counted {
            writes: counts.writes,
            counted: counts.counted,
            requests: counts.requests,
            throttled: counts.throttled,
        }
    }

    /// By the project's budget: a minute's worth goes at once, and the rest by its rate. Nobody's
    /// own budget is as tight here.
    fn ideal(&self, counted: u64) -> f64 {
        let minutes = counted.div_ceil(u64::from(Quotas::default().project)).saturating_sub(1);
        minutes as f64 * 60.0 + LATENCY.as_secs_f64()
    }
}

fn mirror(
    google: &Google,
    clock: &Arc<VirtualClock>,
) -> Result<(MirrorSpec, Arc<dyn Target>, Gate), Trouble> {
    let folder = tempfile::tempdir()?;
    // Without TLS only this machine may be named; nothing listens there.
    let url = "http://127.0.0.1:1";
    std::fs::write(folder.path().join("google.json"), Google::service_account_file(url))?;
    let connection: GoogleWorkspaceConfig =
        section(&format!("{{ service_account_file = \"google.json\", api_url = \"{url}\" }}"))?;
    let connection = connection.reached_by(Arc::new(ToGoogle(google.clone())));
    let config: GoogleMirrorConfig = section("{}")?;
    let name = MirrorName::new("google").map_err(Trouble::failed)?;
    let entropy = Arc::new(SeededEntropy::new(1));
    let context = ConnectionContext {
        name: ConnectionName::new("google").map_err(Trouble::failed)?,
        base: folder.path().to_owned(),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        entropy: entropy.clone(),
    };
    let mirror = MirrorContext::plain(name.clone(), "Europe/Berlin");
    let parts = connection.mirror(&context, &mirror, &config).map_err(Trouble::failed)?;
    // The file is read at each sign-in, and the folder is temporary.
    let _ = folder.keep();
    let gate = Gate::new(context.clock, entropy, parts.target.capabilities());
    Ok((people::spec(name, config.profile())?, parts.target, gate))
}
