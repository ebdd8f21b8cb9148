//! A tenant's first sync with Outlook, in virtual time, beside what the budgets allow
//! ([`crate::people`]).
//!
//! The played Graph holds to its quotas of mailboxes (10,000 requests in ten minutes, four at once)
//! and takes 120 ms for each request. What an application may send to all mailboxes together is far
//! more than anybody needs (`calendars.md` §1.7), so the budget is the one that the mirror's own
//! `requests_per_second` sets. The time beside ours is what the requests that Graph counted need at
//! least by it, whatever their order.

use std::sync::Arc;

use connectors::microsoft_graph::MicrosoftGraphConfig;
use connectors::microsoft_graph::outlook::config::OutlookMirrorConfig;
use connectors::{ConnectionConfig as _, ConnectionContext, MirrorConfig as _, MirrorContext};
use domain::{ConnectionName, Employee, MirrorName};
use engine::port::{Clock, Target};
use engine::run::cycle::MirrorSpec;
use engine::run::gate::Gate;
use jiff::Timestamp;
use simulators::graph::mailbox::{MailboxOptions, OUTLOOK_ROLES};
use simulators::graph::{APP, App, Fault, Graph, Options, SECRET, TENANT, What};
use testkit::memory_store::MemoryStore;
use testkit::seeded_entropy::SeededEntropy;

use crate::Setting;
use crate::people::{self, Counted, EMPLOYEES, LATENCY, People, SHIFTS, Vendor, section};
use crate::report::{Report, Trouble};
use crate::virtual_time::{ToGraph, VirtualClock, for_graph};

/// Requests per second on all mailboxes together.
const RATE: u32 = 500;
/// Requests under way at once: a batch of twenty on one mailbox takes five turns of four.
const CONCURRENCY: usize = 512;

/// Without TLS only this machine may be named; nothing listens there.
const URL: &str = "http://127.0.0.1:1";

/// Measures.
pub fn run(_: &Setting) -> Result<Report, Trouble> {
    let note = format!(
        "{RATE} requests a second, {CONCURRENCY} at once. Expected writes: one for each shift, and \
         one for each employee's calendar."
    );
    people::run("outlook", "Graph", &note)
}

/// The process that is measured.
pub fn be_the_child() -> Result<(), Trouble> {
    people::be_the_child(tenant)
}

/// A Graph whose application may do what the mirror needs.
pub fn options() -> Options {
    let roles = OUTLOOK_ROLES.map(String::from).to_vec();
    let apps = vec![App { roles, ..App::default() }];
    Options { apps, log: false, ..Options::default() }
}

/// Gives everybody a mailbox.
pub fn hire(graph: &Graph) -> Result<Vec<Employee>, Trouble> {
    let mut employees = Vec::new();
    for index in 0..EMPLOYEES {
        let user = graph.add_user(&format!("E{index}"));
        graph.add_mailbox(&user);
        employees.push(Employee { m365_id: Some(user), ..people::somebody(index)? });
    }
    Ok(employees)
}

fn tenant() -> Result<People<Graph>, Trouble> {
    let start: Timestamp = "2026-11-23T00:00:00Z".parse().map_err(Trouble::failed)?;
    let clock = Arc::new(VirtualClock::starting_at(start));
    let mailbox = MailboxOptions { takes: LATENCY, ..MailboxOptions::default() };
    let options = Options { clock: Some(for_graph(&clock)), mailbox, ..options() };
    let graph = Graph::at(options, URL.into());
    graph.set_faults([
        Fault::on_any().at("/$batch").then(What::Delay(LATENCY)),
        Fault::on_any().at("/token").then(What::Delay(LATENCY)),
    ]);
    let employees = hire(&graph)?;
    let (spec, target, gate) = mirror(&graph, &clock)?;
    let store = MemoryStore::new();
    Ok(People {
        vendor: graph,
        clock,
        employees,
        spec,
        target,
        gate,
        store,
        writes_expected: SHIFTS + EMPLOYEES,
    })
}

impl Vendor for Graph {
    fn counted(&self) -> Counted {
        let counts = self.counts();
        Counted {
            writes: counts.mailbox_writes,
            counted: counts.of_mailboxes,
            requests: counts.requests,
            throttled: counts.throttled,
        }
    }

    fn ideal(&self, counted: u64) -> f64 {
        let seconds = counted.div_ceil(u64::from(RATE)).saturating_sub(1);
        seconds as f64 + LATENCY.as_secs_f64()
    }
}

fn mirror(
    graph: &Graph,
    clock: &Arc<VirtualClock>,
) -> Result<(MirrorSpec, Arc<dyn Target>, Gate), Trouble> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("secret"), SECRET)?;
    let connection: MicrosoftGraphConfig = section(&format!(
        "{{ tenant_id = \"{TENANT}\", client_id = \"{APP}\", graph_url = \"{URL}\", \
         login_url = \"{URL}\", client_secret_file = \"secret\" }}"
    ))?;
    let connection = connection.reached_by(Arc::new(ToGraph(graph.clone())));
    let config: OutlookMirrorConfig =
        section(&format!("{{ requests_per_second = {RATE}, concurrency = {CONCURRENCY} }}"))?;
    let name = MirrorName::new("outlook").map_err(Trouble::failed)?;
    let entropy = Arc::new(SeededEntropy::new(1));
    let context = ConnectionContext {
        name: ConnectionName::new("m365").map_err(Trouble::failed)?,
        base: folder.path().to_owned(),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        entropy: entropy.clone(),
    };
    let mirror = MirrorContext::plain(name.clone(), "Europe/Berlin");
    let parts = connection.mirror(&context, &mirror, &config).map_err(Trouble::failed)?;
    // The secret is read at each sign-in, and the folder is temporary.
    let _ = folder.keep();
    let gate = Gate::new(context.clock, entropy, parts.target.capabilities());
    Ok((people::spec(name, config.profile())?, parts.target, gate))
}
