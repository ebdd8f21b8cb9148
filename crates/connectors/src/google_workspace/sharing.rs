//! Who may see a shared calendar: the people of its group.
//!
//! Whoever joins the group is let in when the calendar is opened the next time, and whoever leaves
//! it, but not the roster, is let out. Rules for people whom the roster does not know, and all that
//! let somebody do more than read, are somebody else's and stay.

use std::collections::BTreeSet;

use domain::CalendarKey;
use engine::port::{Failure, FailureClass};
use http::Method;

use super::classify::Asked;
use super::client::Ask;
use super::provider::{GoogleTarget, address};
use super::wire::{Page, Rule, RuleScope};

const READER: &str = "reader";
/// Pages of a calendar's rules: 250 on each.
const RULE_PAGES_MAX: usize = 100;

impl GoogleTarget {
    /// Brings the rules of a shared calendar up to date.
    ///
    /// # Errors
    /// When they cannot be read or changed. That Google takes a single address not is no failure:
    /// the others see their calendar.
    pub(super) async fn share(&self, calendar: &CalendarKey) -> Result<(), Failure> {
        let operation = format!("share the calendar of group `{calendar}`");
        let spot = self.spot(calendar, &operation).await?;
        let directory = self.directory();
        let of_group = |group: Option<&domain::ScheduleGroupId>| {
            group.is_some_and(|it| it.as_str() == calendar.as_str())
        };
        let (mut inside, mut outside) = (BTreeSet::new(), BTreeSet::new());
        for employee in directory.employees.values() {
            let side = match of_group(employee.group.as_ref()) {
                true => &mut inside,
                false => &mut outside,
            };
            side.extend(address(employee));
        }
        let rules = self.rules(&spot.calendar, calendar, &operation).await?;
        let readers = rules.iter().filter(|it| it.scope.kind == "user" && it.role == READER);
        let seen: BTreeSet<&str> = rules.iter().map(|it| it.scope.value.as_str()).collect();
        let mut asks = Vec::new();
        for address in inside.iter().filter(|it| !seen.contains(it.as_str())) {
            let segments = ["calendars", &*spot.calendar, "acl"];
            let ask = Ask::new(Method::POST, &segments, &spot.who, Asked::MakeCalendar, &operation);
            let scope = RuleScope { kind: "user".into(), value: address.clone() };
            let rule = Rule { id: String::new(), role: READER.into(), scope };
            asks.push(ask.query(&[("sendNotifications", "false")]).json(&rule));
        }
        for rule in readers
            .filter(|it| outside.contains(&it.scope.value) && !inside.contains(&it.scope.value))
        {
            let segments = ["calendars", &*spot.calendar, "acl", &rule.id];
            asks.push(Ask::new(Method::DELETE, &segments, &spot.who, Asked::Delete, &operation));
        }
        let mut refused = 0_u32;
        for ask in asks {
            match self.client().send(&ask).await {
                Ok(_) => {}
                Err(failure)
                    if matches!(
                        failure.class,
                        FailureClass::Refused | FailureClass::Forbidden | FailureClass::Missing
                    ) =>
                {
                    refused += 1;
                }
                Err(failure) => return Err(failure),
            }
        }
        if refused > 0 {
            tracing::warn!(
                mirror = %self.setup.mirror,
                refused,
                "Google did not let some people of the group see its calendar"
            );
        }
        Ok(())
    }

    async fn rules(
        &self,
        id: &str,
        calendar: &CalendarKey,
        operation: &str,
    ) -> Result<Vec<Rule>, Failure> {
        let who = self.who(calendar);
        let mut rules = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..RULE_PAGES_MAX {
            let mut query = vec![("maxResults", "250")];
            if let Some(token) = &next {
                query.push(("pageToken", token));
            }
            let segments = ["calendars", id, "acl"];
            let ask = Ask::new(Method::GET, &segments, &who, Asked::Read, operation);
            let ask = ask.query(&query);
            let page: Page<Rule> = self.client().send(&ask).await?.json(&ask)?;
            rules.extend(page.items);
            match page.next_page_token {
                Some(token) => next = Some(token),
                None => break,
            }
        }
        Ok(rules)
    }
}
