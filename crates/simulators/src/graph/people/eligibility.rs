//! What people are shown to choose from: what there is, less what the integration leaves out.

use jiff::Timestamp;

use super::{NotDone, People, Person, member_of};
use crate::graph::integration::Question;
use crate::graph::state::{Kind, Team};

impl Person {
    /// The colleagues' shifts that begin in `[start, end)` and that they may swap their own for.
    ///
    /// # Errors
    /// When the choice cannot be shown.
    pub async fn sees_swaps_for(
        &self,
        own: &str,
        start: Timestamp,
        end: Timestamp,
    ) -> Result<Vec<String>, NotDone> {
        let all = self.looks(|team| {
            let ids = team.all(Kind::Shift).map(|(id, _)| id);
            let others = ids.filter(|id| {
                team.planned(Kind::Shift, id).is_some_and(|it| {
                    let begins = it.shared.as_ref().map(|it| it.start);
                    it.user.as_deref() != Some(self.user())
                        && begins.is_some_and(|at| start <= at && at < end)
                })
            });
            others.cloned().collect()
        })?;
        let url = requestable(own, "SwapRequest", start, end);
        let only = self.reads("SwapRequest", own, url).await?;
        Ok(kept(all, only))
    }

    /// The colleagues whom they may offer their own shift to, by user id.
    ///
    /// The vendor's pages show no such question; it is asked like the one for swaps, and answered
    /// with user ids.
    ///
    /// # Errors
    /// When the choice cannot be shown.
    pub async fn sees_takers_of(&self, own: &str) -> Result<Vec<String>, NotDone> {
        let all = self.looks(|team| {
            let users = team.members.iter().map(|it| it.user.clone());
            users.filter(|it| it != self.user() && team.has_member(it)).collect()
        })?;
        let (start, end) = self.looks(|team| {
            let shift = team.planned(Kind::Shift, own).and_then(|it| it.shared.as_ref());
            shift.map_or((Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH), |it| (it.start, it.end))
        })?;
        let url = requestable(own, "OfferShiftRequest", start, end);
        let only = self.reads("OfferShiftRequest", own, url).await?;
        Ok(kept(all, only))
    }

    /// The reasons that they may be away for, by id.
    ///
    /// # Errors
    /// When the choice cannot be shown.
    pub async fn sees_reasons(&self) -> Result<Vec<String>, NotDone> {
        let all = self.looks(|team| {
            let ids = team.all(Kind::TimeOffReason).map(|(id, _)| id);
            ids.filter(|id| team.reason(id).is_some_and(|it| it.is_active)).cloned().collect()
        })?;
        let user = self.user();
        let url = format!("/users/{user}/timeOffReasons?requestType=TimeOffReason");
        let only = self.reads("TimeOffReason", user, url).await?;
        Ok(kept(all, only))
    }

    fn looks<T>(&self, look: impl FnOnce(&Team) -> T) -> Result<T, NotDone> {
        self.people.graph.read(|state| member_of(state, self).map(look))
    }

    async fn reads(
        &self,
        entity: &str,
        id: &str,
        url: String,
    ) -> Result<Option<Vec<String>>, NotDone> {
        let People { graph, workforce } = &self.people;
        let Some(integration) = graph.read(|state| state.integration_of(&self.team).cloned())
        else {
            return Ok(None);
        };
        let question = Question { entity, id: id.to_owned(), url, language: &self.language };
        let read = workforce.reads(&integration, &self.team, question);
        read.await.map_err(NotDone::ByIntegration)
    }
}

/// As in the guide (`examples/graph/wfi-read-swaprequest-request.json`): seven digits, nothing
/// escaped.
fn requestable(shift: &str, kind: &str, start: Timestamp, end: Timestamp) -> String {
    format!(
        "/shifts/{shift}/requestableShifts?requestType={kind}&startTime={start:.7}&endTime={end:.7}"
    )
}

fn kept(all: Vec<String>, only: Option<Vec<String>>) -> Vec<String> {
    match only {
        Some(only) => all.into_iter().filter(|id| only.contains(id)).collect(),
        None => all,
    }
}
