//! What `doctor` says of an `outlook` mirror: permissions beyond what mailboxes need, and mailboxes
//! that cannot be written. Writes nothing.

use std::sync::{Arc, Mutex, PoisonError};

use domain::limits::REQUEST_TIMEOUT;
use domain::{CalendarKey, Directory, MirrorName};
use engine::port::{Finding, FindingLevel};

use super::call::Call;
use super::config::Which;
use super::mailbox::Mailboxes;
use super::target::mailbox_of;
use crate::microsoft_graph::classify::About;
use crate::microsoft_graph::client::Ask;

/// The permission for calendars of the whole tenant.
const TENANT_WIDE: &str = "Calendars.ReadWrite";
/// Mailboxes that are looked at one by one; more would take long.
const MAILBOXES_LOOKED_AT: usize = 200;
/// How many are named.
const NAMED: usize = 10;

/// Looks at one mirror's surroundings.
#[derive(Debug)]
pub struct Checker {
    /// Of which mirror.
    pub mirror: MirrorName,
    /// Its mailboxes.
    pub mailboxes: Arc<Mailboxes>,
    /// The mailbox that shows everybody's, where there is one.
    pub shared: Option<CalendarKey>,
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
        let directory = Arc::clone(&self.directory.lock().unwrap_or_else(PoisonError::into_inner));
        let own = || {
            let all = directory.employees.values();
            all.filter_map(|it| Some((it.id.to_string(), mailbox_of(it)?))).collect()
        };
        let all: Vec<(String, CalendarKey)> = match &self.shared {
            Some(shared) => vec![("shared".to_owned(), shared.clone())],
            None => own(),
        };
        if all.is_empty() {
            return self.check_without_mailboxes(say).await;
        }
        let (mut without, mut denied, mut read_only, mut good) = (vec![], vec![], vec![], 0);
        for (who, calendar) in all.iter().take(MAILBOXES_LOOKED_AT) {
            match self.mailboxes.all(calendar).await {
                Ok(found) => {
                    let ours = found.iter().find(|it| match &self.mailboxes.which {
                        Which::Primary => false,
                        Which::Named(name) => it.name.as_deref() == Some(name),
                    });
                    match ours.and_then(|it| it.can_edit) {
                        Some(false) => read_only.push(who.as_str()),
                        Some(true) | None => good += 1,
                    }
                }
                Err(failure) => match failure.status {
                    Some(404) => without.push(who.as_str()),
                    Some(403) => denied.push(who.as_str()),
                    _ => return say(FindingLevel::Error, failure.to_string(), None),
                },
            }
        }
        let told = |who: &[&str], what: &str| {
            let named = who.iter().take(NAMED).copied().collect::<Vec<_>>().join("`, `");
            let more = if who.len() > NAMED { " and others" } else { "" };
            format!("{} of {} mailboxes {what}: `{named}`{more}", who.len(), all.len())
        };
        if !without.is_empty() {
            let message = told(&without, "are not there or have no licence; by employee");
            let hint = "give them an Exchange Online licence, or correct `m365_id` and `email`";
            say(FindingLevel::Error, message, Some(hint));
        }
        if !denied.is_empty() {
            let message = told(&denied, "may not be opened by this application; by employee");
            let hint = match tenant_wide {
                true => "an application access policy shuts them out: extend or remove it",
                false => SCOPE_HINT,
            };
            say(FindingLevel::Error, message, Some(hint));
        }
        if !read_only.is_empty() {
            let message = told(&read_only, "have our calendar, but not to be written; by employee");
            let hint = "let its owner give the calendar another name, or choose another `calendar`";
            say(FindingLevel::Error, message, Some(hint));
        }
        if good > 0 {
            let message = format!("{good} mailboxes can be opened");
            say(FindingLevel::Good, message, None);
        }
    }
}

/// How the grant is narrowed (Learn, "Role Based Access Control for Applications in Exchange
/// Online"; grants add up, so the consent in Entra must go).
const SCOPE_HINT: &str = "in Exchange Online PowerShell run `New-ServicePrincipal`, \
    `New-ManagementScope -RecipientRestrictionFilter`, and `New-ManagementRoleAssignment -Role \
    \"Application Calendars.ReadWrite\" -CustomResourceScope`, then take `Calendars.ReadWrite` \
     away in Entra: grants add up";
