//! Lists: `$filter` in the documented shapes, `$top`, pages with `@odata.nextLink`.
//!
//! A page goes on behind the last id that was seen, so what is written meanwhile moves nothing
//! from one page to the other.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::error;
use super::http::Reply;
use super::route::Call;
use super::state::{Entity, Item, Kind, Planned, RequestState};
use super::wire::{sides, state_name};

/// `$top` above this counts as this.
const TOP_MAX: usize = 1000;

/// Answers GET on a collection.
pub(super) fn answer(call: &Call<'_>, team: &str, kind: Kind) -> Result<Reply, Reply> {
    let query = Query::of(call, kind)?;
    call.graph.read(|state| {
        let found = call.team(state, team)?;
        let after = query.after.as_deref().unwrap_or_default();
        let mut fitting = found.all(kind).filter(|(id, stored)| {
            id.as_str() > after && query.terms.iter().all(|term| term.holds(&stored.entity))
        });
        let mut value = Vec::new();
        let mut last = None;
        for (id, stored) in fitting.by_ref().take(query.top) {
            value.push(Value::Object(call.shown(state, found, kind, (id, stored))));
            last = Some(id);
        }
        let more = fitting.next().is_some();
        let collection = kind.collection();
        let mut body = json!({
            "@odata.context":
                format!("{}/$metadata#teams('{team}')/schedule/{collection}", call.root()),
            "@odata.count": value.len(),
            "value": value,
        });
        if let (true, Some(last), Value::Object(map)) = (more, last, &mut body) {
            let path = format!("{}/teams/{team}/schedule/{collection}", call.root());
            map.insert("@odata.nextLink".into(), query.next(&path, last).into());
        }
        Ok(Reply::json(200, body))
    })
}

struct Query {
    terms: Vec<Term>,
    top: usize,
    after: Option<String>,
    /// What stays the same from page to page.
    kept: Vec<(String, String)>,
}

impl Query {
    fn of(call: &Call<'_>, kind: Kind) -> Result<Self, Reply> {
        let mut query = Self {
            terms: Vec::new(),
            top: call.graph.options().page_size,
            after: None,
            kept: Vec::new(),
        };
        for (name, value) in call.ask.query() {
            match name.to_ascii_lowercase().as_str() {
                "$top" => {
                    let top = value.parse().ok().filter(|top| *top > 0);
                    let top: usize = top.ok_or_else(|| invalid("$top"))?;
                    query.top = top.min(TOP_MAX);
                    query.kept.push((name, value));
                }
                "$skiptoken" => query.after = Some(value),
                "$filter" => {
                    query.terms = terms(kind, &value)?;
                    query.kept.push((name, value));
                }
                other if other.starts_with('$') => return Err(invalid(&name)),
                _ => {}
            }
        }
        Ok(query)
    }

    fn next(&self, path: &str, last: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.kept).append_pair("$skiptoken", last);
        format!("{path}?{}", query.finish())
    }
}

fn invalid(option: &str) -> Reply {
    error::plain(400, "BadRequest", &format!("Query option '{option}' is not allowed."))
}

/// What a filter compares.
enum Term {
    /// The start of a side is at or after this.
    StartsAtOrAfter(Side, Timestamp),
    /// The end of a side is at or before this.
    EndsAtOrBefore(Side, Timestamp),
    /// A request is in this state.
    State(String),
}

#[derive(Clone, Copy)]
enum Side {
    Draft,
    Shared,
}

impl Side {
    fn of(self, planned: &Planned) -> Option<&Item> {
        match self {
            Self::Draft => planned.draft.as_ref(),
            Self::Shared => planned.shared.as_ref(),
        }
    }
}

impl Term {
    /// A side that is not there is neither before nor after anything (OData: null compares false).
    fn holds(&self, entity: &Entity) -> bool {
        match (self, entity) {
            (Self::StartsAtOrAfter(side, time), Entity::Planned(planned)) => {
                side.of(planned).is_some_and(|it| it.start >= *time)
            }
            (Self::EndsAtOrBefore(side, time), Entity::Planned(planned)) => {
                side.of(planned).is_some_and(|it| it.end <= *time)
            }
            (Self::State(wanted), Entity::Request(request)) => {
                let state: RequestState = request.state;
                state_name(state).eq_ignore_ascii_case(wanted)
            }
            _ => false,
        }
    }
}

fn terms(kind: Kind, filter: &str) -> Result<Vec<Term>, Reply> {
    let mut seen: Vec<&str> = Vec::new();
    let mut terms = Vec::new();
    for part in filter.split(" and ") {
        let words: Vec<&str> = part.split_whitespace().collect();
        let [property, operator, value] = words.as_slice() else {
            return Err(error::plain(400, "BadRequest", "Invalid filter clause."));
        };
        if seen.contains(property) {
            let message =
                format!("The property '{property}' is used more than once in $filter query.");
            return Err(error::plain(400, "BadRequest", &message));
        }
        seen.push(property);
        terms.push(term(kind, property, operator, value)?);
    }
    Ok(terms)
}

fn term(kind: Kind, property: &str, operator: &str, value: &str) -> Result<Term, Reply> {
    // The text is from microsoft-graph-explorer-v4#3991.
    let strange = || {
        let message = format!("The entity property '{property}' is not allowed in $filter query.");
        error::plain(400, "BadRequest", &message)
    };
    let time = || {
        value.parse::<Timestamp>().map_err(|_| {
            error::plain(400, "BadRequest", "Invalid filter clause: a date and time is needed.")
        })
    };
    let operator_is = |wanted: &str| {
        if operator == wanted {
            Ok(())
        } else {
            let message =
                format!("The operator '{operator}' is not allowed for '{property}' in $filter.");
            Err(error::plain(400, "BadRequest", &message))
        }
    };
    match kind {
        Kind::Shift | Kind::OpenShift | Kind::TimeOff => {
            let (draft, shared) = sides(kind);
            let (name, end) = property.split_once('/').ok_or_else(strange)?;
            let side = match name {
                name if name == draft => Side::Draft,
                name if name == shared => Side::Shared,
                _ => return Err(strange()),
            };
            match end {
                "startDateTime" => {
                    operator_is("ge")?;
                    Ok(Term::StartsAtOrAfter(side, time()?))
                }
                "endDateTime" => {
                    operator_is("le")?;
                    Ok(Term::EndsAtOrBefore(side, time()?))
                }
                _ => Err(strange()),
            }
        }
        Kind::OfferRequest | Kind::SwapRequest | Kind::OpenShiftRequest | Kind::TimeOffRequest
            if property == "state" =>
        {
            operator_is("eq")?;
            Ok(Term::State(value.trim_matches('\'').to_owned()))
        }
        _ => Err(strange()),
    }
}
