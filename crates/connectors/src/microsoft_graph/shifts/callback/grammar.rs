//! What the elements of one callback mean together: one [`Change`], or why there is none.
//!
//! Pure, and in the vendor's ids: which entities of the roster they are is looked up afterwards.
//! Shifts tells of one act of one person in several elements, in no order that could be relied on:
//!
//! - an item made, changed or removed is one element. A removal arrives twice: at the draft as
//!   PUT with `draftShift.isActive` false (or staged), and again with `sharedShift.isActive` false
//!   and no draft when that item is shared; sharing a whole schedule calls nobody. So the draft is
//!   decided, and the second is told apart by its [`Stage`];
//! - a manager who assigns an open shift: PUT of the open shift and POST of the shift;
//! - a request is made (POST), agreed to by a colleague (PUT Pending/Manager), approved or declined
//!   (PUT), or taken back (DELETE, body null). Approval comes with what it does: a swap with two
//!   removed and two made shifts, an open-shift request with the shift made and the open shift
//!   changed, an offer with the shift moved, time off with the absence made; and with other
//!   requests that Shifts declines by itself (PUT Declined/System).
//!
//! Sources: the guide's "Endpoint reference" and the handlers of the two published connectors
//! (`SwapRequestHandler`, `ManagerAssignOpenShiftHandler`, `ShiftChangeHandler`,
//! `OpenShiftRequestController`), read 2026-11. How an offer's approval moves the shift is not
//! written anywhere, so both ways are taken.

pub mod bounds;
mod part;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use domain::{Activity, UtcInterval};

use super::wire::{Element, PreferencesBody};
use part::Part;

/// What somebody did.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Nothing that could be decided: every body is null.
    Nothing,
    /// Items made, changed or removed, by id; mostly one.
    Items(Vec<ItemChange>),
    /// A manager gave a slot of an open shift to somebody.
    Assign {
        /// The open shift, as it is left.
        open_shift: Box<ItemChange>,
        /// The shift that comes of it.
        shift: Box<Item>,
    },
    /// A step of a request. Of several that Shifts declines by itself and with nothing else, the
    /// first by kind and id is it, and the others are overtaken.
    Request(Box<RequestChange>),
    /// A kind of absence made, changed or removed.
    Reason {
        /// The vendor's id of it.
        id: String,
    },
    /// Somebody said when they can work; who, say the callback's route and the body.
    Preferences(PreferencesBody),
}

/// Which kind of item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ItemKind {
    /// Assigned work.
    Shift,
    /// Work to be claimed.
    OpenShift,
    /// A granted absence.
    TimeOff,
}

/// Which side of an item a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// What managers see: this is where things are decided.
    Draft,
    /// What everybody sees: decided already, when it was drafted.
    Shared,
}

/// What happens to an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemChange {
    /// It is made.
    Create(Item),
    /// It is changed.
    Edit(Item, Stage),
    /// It is removed.
    Delete {
        /// Which kind it was.
        kind: ItemKind,
        /// The vendor's id of it.
        id: String,
        /// At which side.
        stage: Stage,
    },
}

impl ItemChange {
    /// Which kind of item.
    #[must_use]
    pub fn kind(&self) -> ItemKind {
        match self {
            Self::Create(item) | Self::Edit(item, _) => item.kind,
            Self::Delete { kind, .. } => *kind,
        }
    }

    /// The vendor's id of it.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Create(item) | Self::Edit(item, _) => &item.id,
            Self::Delete { id, .. } => id,
        }
    }
}

/// A shift, an open shift or an absence, as it would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Which of the three.
    pub kind: ItemKind,
    /// The vendor's id of it; new at each attempt where the vendor makes it.
    pub id: String,
    /// Whose, by Entra object id; always there for shifts and absences.
    pub user: Option<String>,
    /// The vendor's id of the group.
    pub group: Option<String>,
    /// When, half-open, in UTC.
    pub interval: UtcInterval,
    /// The label.
    pub label: Option<String>,
    /// Free text.
    pub notes: Option<String>,
    /// Its parts, as they came.
    pub activities: Vec<Activity>,
    /// How many can claim it; 1 unless it is an open shift that says more.
    pub slots: u32,
    /// The vendor's id of the kind of absence.
    pub reason: Option<String>,
}

/// Which kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestKind {
    /// To exchange two shifts.
    Swap,
    /// To give a shift to a colleague.
    Offer,
    /// To work an open shift.
    OpenShift,
    /// To be absent.
    TimeOff,
}

/// A request, by the vendor's id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestRef {
    /// Which kind.
    pub kind: RequestKind,
    /// The vendor's id; new at each attempt of who asks.
    pub id: String,
}

/// How far a request got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Made.
    Asked,
    /// The colleague agreed.
    Agreed,
    /// A manager granted it, perhaps before the colleague said anything.
    Approved,
    /// The colleague refused.
    DeclinedByColleague,
    /// A manager refused.
    DeclinedByManager,
    /// Shifts overtook it.
    DeclinedBySystem,
    /// Taken back by who asked.
    Cancelled,
}

/// One step of a request, and what comes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestChange {
    /// Which request.
    pub request: RequestRef,
    /// How far it got.
    pub step: Step,
    /// Whether the body names the colleague who was asked as the one whose turn it is, or was: a
    /// manager who approves such a request answers for the colleague too.
    pub by_colleague: bool,
    /// What is asked for; empty where the body is null.
    pub asked: Asked,
    /// What happens to items, by kind and id.
    pub effects: Vec<ItemChange>,
    /// Other requests that Shifts declines with it, by id.
    pub overtaken: Vec<RequestRef>,
}

/// What a request says that it asks for, in the vendor's ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Who asks.
    pub sender: Option<String>,
    /// The shift that they give.
    pub sender_shift: Option<String>,
    /// Who is asked.
    pub recipient: Option<String>,
    /// The shift that they give.
    pub recipient_shift: Option<String>,
    /// The open shift that is claimed.
    pub open_shift: Option<String>,
    /// The kind of absence.
    pub reason: Option<String>,
    /// When they want to be absent.
    pub interval: Option<UtcInterval>,
    /// The manager who decided.
    pub manager: Option<String>,
}

/// Why an element cannot be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// No entity that we know.
    Entity,
    /// Nothing that is done to such an entity.
    Operation,
    /// Its body is not what such an entity has.
    Unreadable,
    /// A text in it is too long or not printable, or it has too many activities.
    TooMuch,
    /// Fine by itself, but the elements make no sense together.
    Together,
}

/// Elements that are no change that we know. All of the callback is refused: it is one act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    /// For each element's id, what is wrong with it; of two with one id, the graver.
    pub faults: BTreeMap<String, Fault>,
}

/// Reads what the elements mean together; their order does not matter.
///
/// # Errors
/// When an element is none that we know or cannot be read, or they make no sense together.
pub fn read_change(elements: &[Element]) -> Result<Change, Unsupported> {
    let mut faults = BTreeMap::new();
    let mut parts = Vec::with_capacity(elements.len());
    for element in elements {
        match Part::read(element) {
            Ok(part) => parts.push(part),
            Err(fault) => {
                let known = faults.entry(element.id.clone()).or_insert(fault);
                *known = fault.min(*known);
            }
        }
    }
    let together = |mut faults: BTreeMap<String, Fault>| {
        for element in elements {
            faults.entry(element.id.clone()).or_insert(Fault::Together);
        }
        Unsupported { faults }
    };
    if !faults.is_empty() {
        return Err(together(faults));
    }
    combine(parts).ok_or_else(|| together(BTreeMap::new()))
}

/// The parts of one act, sorted out.
fn combine(parts: Vec<Part>) -> Option<Change> {
    let (mut requests, mut overtaken, mut items) = (Vec::new(), Vec::new(), Vec::new());
    let mut alone = Vec::new();
    for part in parts {
        match part {
            Part::Nothing => {}
            Part::Request(it) if it.step == Step::DeclinedBySystem => overtaken.push(it),
            Part::Request(it) => requests.push(it),
            Part::Item(it) => items.push(it),
            Part::Reason { id } => alone.push(Change::Reason { id }),
            Part::Preferences(it) => alone.push(Change::Preferences(it)),
        }
    }
    overtaken.sort_by(|a, b| b.request.cmp(&a.request));
    overtaken.dedup();
    items.sort_by(|a, b| (a.kind(), a.id()).cmp(&(b.kind(), b.id())));
    items.dedup();
    // Two that say different things of one item have no order, and so no sense.
    if items.windows(2).any(|pair| pair[0].kind() == pair[1].kind() && pair[0].id() == pair[1].id())
        || overtaken.windows(2).any(|pair| pair[0].request == pair[1].request)
    {
        return None;
    }
    if requests.is_empty() {
        requests.extend(overtaken.pop());
    }
    let mut overtaken: Vec<_> = overtaken.into_iter().map(|it| it.request).collect();
    overtaken.reverse();

    let request = requests.pop();
    let other = alone.pop();
    if !requests.is_empty() || !alone.is_empty() {
        return None;
    }
    match (request, other) {
        (None, None) => Some(without_request(items)),
        (None, Some(change)) => items.is_empty().then_some(change),
        (Some(request), None) => with_request(request, items, overtaken),
        (Some(_), Some(_)) => None,
    }
}

fn without_request(mut items: Vec<ItemChange>) -> Change {
    // Sorted, shifts come before open shifts.
    let assigns = match items.as_slice() {
        [ItemChange::Create(shift), open_shift] => {
            shift.kind == ItemKind::Shift
                && open_shift.kind() == ItemKind::OpenShift
                && !matches!(open_shift, ItemChange::Create(_))
        }
        _ => false,
    };
    if assigns
        && let (Some(open_shift), Some(ItemChange::Create(shift))) = (items.pop(), items.pop())
    {
        return Change::Assign { open_shift: Box::new(open_shift), shift: Box::new(shift) };
    }
    if items.is_empty() { Change::Nothing } else { Change::Items(items) }
}

fn with_request(
    mut request: RequestChange,
    effects: Vec<ItemChange>,
    overtaken: Vec<RequestRef>,
) -> Option<Change> {
    let has_recipient = matches!(request.request.kind, RequestKind::Swap | RequestKind::Offer);
    if request.step == Step::Approved && request.by_colleague && has_recipient && effects.is_empty()
    {
        // Approved by the colleague who was asked: a manager has still to decide.
        request.step = Step::Agreed;
    }
    let fits = match request.step {
        Step::Approved => effects_fit(request.request.kind, &effects),
        Step::Asked
        | Step::Agreed
        | Step::DeclinedByColleague
        | Step::DeclinedByManager
        | Step::DeclinedBySystem
        | Step::Cancelled => effects.is_empty(),
    };
    fits.then(|| Change::Request(Box::new(RequestChange { effects, overtaken, ..request })))
}

/// Whether an approval may come with these effects; an approval without any is taken as well, and
/// what it does is then known from the request itself.
fn effects_fit(kind: RequestKind, effects: &[ItemChange]) -> bool {
    let count = |wanted: ItemKind| effects.iter().filter(|it| it.kind() == wanted).count();
    let made = |it: &&ItemChange| matches!(it, ItemChange::Create(_));
    let removed = |it: &&ItemChange| matches!(it, ItemChange::Delete { .. });
    let (made, removed) =
        (effects.iter().filter(made).count(), effects.iter().filter(removed).count());
    let edited = effects.len() - made - removed;
    match kind {
        // Two removed and two made; or the same two with other people.
        RequestKind::Swap => {
            count(ItemKind::Shift) == effects.len()
                && matches!((removed, made, edited), (0, 0, 0 | 2) | (2, 2, 0))
        }
        RequestKind::Offer => {
            count(ItemKind::Shift) == effects.len()
                && matches!((removed, made, edited), (0, 0, 0 | 1) | (1, 1, 0))
        }
        // The open shift is changed, or removed with its last slot.
        RequestKind::OpenShift => {
            count(ItemKind::TimeOff) == 0
                && count(ItemKind::Shift) <= 1
                && count(ItemKind::OpenShift) <= 1
                && made == count(ItemKind::Shift)
        }
        RequestKind::TimeOff => count(ItemKind::TimeOff) == effects.len() && effects.len() <= 1,
    }
}
