//! What `doctor` says of an `outlook` mirror: permissions beyond what mailboxes need, and mailboxes
//! that cannot be written. Writes nothing.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use domain::limits::REQUEST_TIMEOUT;
use domain::{CalendarKey, Directory, MirrorName};
use engine::port::{Failure, FailureClass, Finding, FindingLevel};

use super::call::Call;
use super::config::Which;
use super::mailbox::Mailboxes;
use super::target::mailbox_of;
use crate::microsoft_graph::classify::About;
use crate::microsoft_graph::client::Ask;

/// The permission for calendars of the whole tenant.
const TENANT_WIDE: &str = "Calendars.ReadWrite";
/// What all permissions on calendars begin with.
const ON_CALENDARS: &str = "Calendars.";
/// Mailboxes that are looked at one by one; more would take long.
const MAILBOXES_LOOKED_AT: usize = 200;
/// How many are named.
const NAMED: usize = 10;
/// Answers that say nothing of a mailbox, after which no further one is asked.
const UNANSWERED_MAX: usize = 3;

/// Looks at one mirror's surroundings.
#[derive(Debug)]
pub struct Checker {
    /// Of which mirror.
    pub mirror: MirrorName,
    /// Its mailboxes.
    pub mailboxes: Arc<Mailboxes>,
    /// The mailbox that shows everybody's, where there is one.
    pub shared: Option<CalendarKey>,
    /// Those that the operator names for groups.
    pub groups: BTreeSet<CalendarKey>,
    /// Who there is.
    pub directory: Mutex<Arc<Directory>>,
}

impl Checker {
    /// Takes note of who there is.
    pub fn meet(&self, directory: Arc<Directory>) {
        *self.directory.lock().unwrap_or_else(PoisonError::into_inner) = directory;
    }

    /// Looks.
    pub async fn check(&self) -> Vec<Finding> {
        let connection = self.mailboxes.caller.connection();
        let mut findings = connection.check().await;
        if findings.iter().any(|it| it.level == FindingLevel::Error) {
            return findings;
        }
        let subject = format!("mirror {}", self.mirror);
        let mut say = |level, message: String, hint: Option<&str>| {
            let (subject, hint) = (subject.clone(), hint.map(String::from));
            findings.push(Finding { level, subject, message, hint });
        };
        let deadline = tokio::time::Instant::now() + REQUEST_TIMEOUT;
        let token = connection.graph().sign_in().token(deadline).await;
        let roles = token.map(|it| it.claims().roles.clone()).unwrap_or_default();
        let tenant_wide = roles.iter().any(|it| it.eq_ignore_ascii_case(TENANT_WIDE));
        if tenant_wide {
            let message = format!(
                "`{TENANT_WIDE}` is granted for every mailbox of the tenant, not only for those \
                 that are mirrored"
            );
            say(FindingLevel::Warning, message, Some(SCOPE_HINT));
        }
        let on_calendars: Vec<String> = roles
            .iter()
            .filter(|it| it.starts_with(ON_CALENDARS))
            .map(|it| format!("`{it}`"))
            .collect();
        if !tenant_wide && !on_calendars.is_empty() {
            // What Exchange grants stands in no token (`calendars.md` §1.9), so it cannot be ruled
            // out that it grants more.
            let message = format!(
                "{} is granted, which lets calendars be read and not written: each write is \
                 answered with 403, unless Exchange Online grants \
                 `Application Calendars.ReadWrite`",
                on_calendars.join(", ")
            );
            say(FindingLevel::Error, message, Some(WRITE_HINT));
        }
        if roles.iter().any(|it| it.starts_with("Group.Read")) {
            let message = "permissions on groups do not help here: applications cannot write the \
                           calendar of a Microsoft 365 group"
                .to_owned();
            let hint = "use a shared or room mailbox (`shared = \"mailbox@…\"`), and take the \
                        permission away";
            say(FindingLevel::Warning, message, Some(hint));
        }
        self.check_mailboxes(tenant_wide, &mut say).await;
        findings
    }

    /// Whether Graph answers at all, where nobody is known yet.
    async fn check_without_mailboxes(
        &self,
        say: &mut impl FnMut(FindingLevel, String, Option<&str>),
    ) {
        // Any application may ask for its own subscriptions.
        let operation = "ask for our own subscriptions";
        let ask = Ask::get("/subscriptions", operation).about(About::Directory);
        let call = Call { mailbox: String::new(), ask };
        match self.mailboxes.caller.send(&call).await {
            Ok(_) => {
                let message = "Graph answers; nobody is known yet whose mailbox could be looked at";
                say(FindingLevel::Good, message.to_owned(), Some("run `sync` once"));
            }
            Err(failure) => say(FindingLevel::Error, failure.to_string(), None),
        }
    }

    async fn check_mailboxes(
        &self,
        tenant_wide: bool,
        say: &mut impl FnMut(FindingLevel, String, Option<&str>),
    ) {
        let named = self.named();
        let all = if named.is_empty() { self.of_people() } else { named };
        if all.is_empty() {
            return self.check_without_mailboxes(say).await;
        }
        let seen = self.look_at(&all).await;
        let Seen { without, denied, read_only, unanswered, looked_at, good } = seen;
        let told = |who: &[&str], what: &str| {
            let named = who.iter().take(NAMED).copied().collect::<Vec<_>>().join("`, `");
            let more = if who.len() > NAMED { " and others" } else { "" };
            format!("{} of {} mailboxes {what}: `{named}`{more}", who.len(), all.len())
        };
        let by = if self.is_of_people() { "by employee" } else { "by address" };
        if !without.is_empty() {
            let message = told(&without, &format!("are not there or have no licence; {by}"));
            let hint = if self.is_of_people() {
                "give them an Exchange Online licence, or correct `m365_id` and `email`"
            } else {
                GROUP_HINT
            };
            say(FindingLevel::Error, message, Some(hint));
        }
        if !denied.is_empty() {
            let message = told(&denied, &format!("may not be opened by this application; {by}"));
            let hint = match tenant_wide {
                true => "an application access policy shuts them out: extend or remove it",
                false => SCOPE_HINT,
            };
            say(FindingLevel::Error, message, Some(hint));
        }
        if !read_only.is_empty() {
            let message =
                told(&read_only, &format!("have our calendar, but not to be written; {by}"));
            let hint = "let its owner give the calendar another name, or choose another `calendar`";
            say(FindingLevel::Error, message, Some(hint));
        }
        for failure in &unanswered {
            say(FindingLevel::Error, failure.to_string(), Some(hint_of(failure)));
        }
        if looked_at < all.len() {
            let why = if unanswered.len() >= UNANSWERED_MAX {
                "Graph does not answer"
            } else {
                "the rest would take long"
            };
            let message = format!(
                "{looked_at} of {} mailboxes were looked at, {why}: what is wrong with others, the \
                 first `sync` tells",
                all.len()
            );
            say(FindingLevel::Warning, message, None);
        }
        if good > 0 {
            let message = format!("{good} mailboxes can be opened");
            say(FindingLevel::Good, message, None);
        }
    }

    /// Whether the mailboxes are those of the people who work.
    fn is_of_people(&self) -> bool {
        self.shared.is_none() && self.groups.is_empty()
    }

    /// The mailboxes that the operator names one by one, by what they are called.
    fn named(&self) -> Vec<(String, CalendarKey)> {
        let groups = self.groups.iter();
        let all = match self.groups.is_empty() {
            true => self.shared.iter().collect::<Vec<_>>(),
            false => groups.collect(),
        };
        all.into_iter().map(|it| (it.to_string(), it.clone())).collect()
    }

    fn of_people(&self) -> Vec<(String, CalendarKey)> {
        let directory = Arc::clone(&self.directory.lock().unwrap_or_else(PoisonError::into_inner));
        let all = directory.employees.values();
        all.filter_map(|it| Some((it.id.to_string(), mailbox_of(it)?))).collect()
    }

    /// Tries to open each, as far as that is worth it.
    async fn look_at<'m>(&self, all: &'m [(String, CalendarKey)]) -> Seen<'m> {
        let mut seen = Seen::default();
        for (who, calendar) in all.iter().take(MAILBOXES_LOOKED_AT) {
            if seen.unanswered.len() >= UNANSWERED_MAX {
                break;
            }
            seen.looked_at += 1;
            match self.mailboxes.all(calendar).await {
                Ok(found) => {
                    let ours = found.iter().find(|it| match &self.mailboxes.which {
                        Which::Primary => false,
                        Which::Named(name) => it.name.as_deref() == Some(name),
                    });
                    match ours.and_then(|it| it.can_edit) {
                        Some(false) => seen.read_only.push(who.as_str()),
                        Some(true) | None => seen.good += 1,
                    }
                }
                Err(failure) => match failure.status {
                    Some(404) => seen.without.push(who.as_str()),
                    Some(403) => seen.denied.push(who.as_str()),
                    _ => seen.unanswered.push(failure),
                },
            }
        }
        seen
    }
}

/// What came of looking at mailboxes.
#[derive(Default)]
struct Seen<'m> {
    without: Vec<&'m str>,
    denied: Vec<&'m str>,
    read_only: Vec<&'m str>,
    /// Answers that say nothing of the mailbox.
    unanswered: Vec<Failure>,
    looked_at: usize,
    good: usize,
}

/// What to do about an answer that says nothing of a mailbox.
fn hint_of(failure: &Failure) -> &'static str {
    match failure.class {
        FailureClass::Throttled { .. } => {
            "Graph has enough for now: wait as long as it says, and run `doctor` again"
        }
        FailureClass::Unavailable | FailureClass::TooLate | FailureClass::Unknown => {
            "Exchange or the way to it fails for now: run `doctor` again in some minutes; if it \
             stays so, look at Microsoft 365's service health"
        }
        FailureClass::Unauthorised => {
            "the sign-in is good for nothing here: compare `tenant_id` and `graph_url`, and look \
             whether the tenant has Exchange Online"
        }
        FailureClass::Precondition
        | FailureClass::Duplicate { .. }
        | FailureClass::Missing
        | FailureClass::CalendarMissing
        | FailureClass::DeltaExpired
        | FailureClass::Forbidden
        | FailureClass::OwnerMissing
        | FailureClass::Refused
        | FailureClass::Unsupported
        | FailureClass::Bug => {
            "correct the mailbox's `m365_id` or address if Graph says that it is malformed; else \
             show Microsoft's support the answer and its request-id"
        }
    }
}

/// Names of Microsoft 365 groups and distribution lists look like those of mailboxes, and Graph
/// knows no mailbox by them (`calendars.md` §1.2).
const GROUP_HINT: &str = "name the address of a shared, room or user mailbox that is there. The \
    calendar of a Microsoft 365 group cannot be written by an application: make a shared mailbox \
    (Exchange admin centre, Recipients, Mailboxes), let the group's people see its calendar, and \
    name that";
/// How writing is granted where only reading is.
const WRITE_HINT: &str = "in Exchange Online PowerShell run `New-ServicePrincipal`, \
    `New-ManagementScope -RecipientRestrictionFilter`, and `New-ManagementRoleAssignment -Role \
    \"Application Calendars.ReadWrite\" -CustomResourceScope`, and take away in Entra what is \
    granted there on calendars";
/// How the grant is narrowed (Learn, "Role Based Access Control for Applications in Exchange
/// Online"; grants add up, so the consent in Entra must go).
const SCOPE_HINT: &str = "in Exchange Online PowerShell run `New-ServicePrincipal`, \
    `New-ManagementScope -RecipientRestrictionFilter`, and `New-ManagementRoleAssignment -Role \
    \"Application Calendars.ReadWrite\" -CustomResourceScope`, then take `Calendars.ReadWrite` \
     away in Entra: grants add up";
