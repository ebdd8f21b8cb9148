//! What one element means by itself.

use domain::{Activity, UtcInterval};
use jiff::Timestamp;

use super::super::wire::{
    ActivityBody, Element, EntityBody, EntityName, ItemBody, Method, Party, PreferencesBody,
    RequestBody, State,
};
use super::{
    Asked, Fault, Item, ItemChange, ItemKind, RequestChange, RequestKind, RequestRef, Stage, Step,
    bounds,
};

/// One element, read.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Its body is null: acknowledged, as the published connectors do.
    Nothing,
    /// A step of a request, without what comes with it.
    Request(RequestChange),
    /// An item made, changed or removed.
    Item(ItemChange),
    /// A kind of absence.
    Reason {
        /// The vendor's id of it.
        id: String,
    },
    /// When somebody can work.
    Preferences(PreferencesBody),
}

impl Part {
    /// Reads one element.
    pub fn read(element: &Element) -> Result<Self, Fault> {
        if element.address.question.is_some() {
            return Err(Fault::Operation);
        }
        let part = Self::read_unbounded(element)?;
        let fine = |id: &str| bounds::is_id(id).then_some(()).ok_or(Fault::Unreadable);
        match &part {
            Self::Nothing | Self::Preferences(_) => fine(&element.id)?,
            Self::Request(it) => bounds::request(it)?,
            Self::Item(it) => bounds::change(it)?,
            Self::Reason { id } => fine(id)?,
        }
        Ok(part)
    }

    fn read_unbounded(element: &Element) -> Result<Self, Fault> {
        match &element.address.entity {
            EntityName::Shift => item(element, ItemKind::Shift),
            EntityName::OpenShift => item(element, ItemKind::OpenShift),
            EntityName::TimeOff => item(element, ItemKind::TimeOff),
            EntityName::SwapRequest => request(element, RequestKind::Swap),
            EntityName::OfferRequest => request(element, RequestKind::Offer),
            EntityName::OpenShiftRequest => request(element, RequestKind::OpenShift),
            EntityName::TimeOffRequest => request(element, RequestKind::TimeOff),
            EntityName::TimeOffReason => {
                writes(element)?;
                Ok(Self::Reason { id: entity_id(element, None) })
            }
            EntityName::ShiftPreferences => {
                writes(element)?;
                let body = element.read_body().map_err(|_| Fault::Unreadable)?;
                Ok(body.map_or(Self::Nothing, Self::Preferences))
            }
            EntityName::Other(_) => Err(Fault::Entity),
        }
    }
}

fn writes(element: &Element) -> Result<(), Fault> {
    match element.method {
        Method::Post | Method::Put | Method::Delete => Ok(()),
        Method::Get | Method::Other(_) => Err(Fault::Operation),
    }
}

/// The entity's own id; the element's id is the same wherever it was seen.
fn entity_id(element: &Element, body: Option<String>) -> String {
    let given = element.address.id.clone().or(body).filter(|id| !id.is_empty());
    given.unwrap_or_else(|| element.id.clone())
}

fn item(element: &Element, kind: ItemKind) -> Result<Part, Fault> {
    writes(element)?;
    let body: Option<EntityBody> = element.read_body().map_err(|_| Fault::Unreadable)?;
    let id = entity_id(element, body.as_ref().and_then(|it| it.id.clone()));
    let delete = |stage| Ok(Part::Item(ItemChange::Delete { kind, id: id.clone(), stage }));
    let Some(body) = body else {
        let deletes = element.method == Method::Delete;
        return if deletes { delete(Stage::Draft) } else { Ok(Part::Nothing) };
    };
    let (side, stage) = match (&body.draft_shift, &body.shared_shift) {
        (Some(draft), _) => (Some(draft), Stage::Draft),
        (None, Some(shared)) => (Some(shared), Stage::Shared),
        (None, None) => (None, Stage::Draft),
    };
    let inactive = side.is_some_and(|side| side.is_active == Some(false));
    if element.method == Method::Delete || inactive {
        return delete(stage);
    }
    if body.is_staged_for_deletion == Some(true) {
        return delete(Stage::Draft);
    }
    let item = read_item(kind, id, &body, side.ok_or(Fault::Unreadable)?)?;
    Ok(Part::Item(match element.method {
        Method::Post => ItemChange::Create(item),
        Method::Put | Method::Get | Method::Delete | Method::Other(_) => {
            ItemChange::Edit(item, stage)
        }
    }))
}

fn read_item(
    kind: ItemKind,
    id: String,
    body: &EntityBody,
    side: &ItemBody,
) -> Result<Item, Fault> {
    let user = body.user_id.clone().filter(|user| !user.is_empty());
    match kind {
        ItemKind::Shift | ItemKind::TimeOff if user.is_none() => return Err(Fault::Unreadable),
        ItemKind::Shift | ItemKind::TimeOff | ItemKind::OpenShift => {}
    }
    let slots = side.open_slot_count.unwrap_or(1);
    Ok(Item {
        kind,
        id,
        user,
        group: body.scheduling_group_id.clone().filter(|group| !group.is_empty()),
        interval: interval(side.start_date_time, side.end_date_time)?,
        label: side.display_name.clone().filter(|label| !label.trim().is_empty()),
        notes: side.notes.clone().filter(|notes| !notes.trim().is_empty()),
        activities: side.activities.iter().map(activity).collect::<Result<_, _>>()?,
        slots: u32::try_from(slots).map_err(|_| Fault::Unreadable)?,
        reason: side.time_off_reason_id.clone().filter(|reason| !reason.is_empty()),
    })
}

fn interval(start: Option<Timestamp>, end: Option<Timestamp>) -> Result<UtcInterval, Fault> {
    let (Some(start), Some(end)) = (start, end) else { return Err(Fault::Unreadable) };
    UtcInterval::new(start, end).map_err(|_| Fault::Unreadable)
}

fn activity(body: &ActivityBody) -> Result<Activity, Fault> {
    let ActivityBody { display_name, code, is_paid, start_date_time, end_date_time } = body;
    let name = display_name.as_ref().or(code.as_ref());
    Ok(Activity {
        label: name.cloned().unwrap_or_default(),
        interval: interval(*start_date_time, *end_date_time)?,
        paid: is_paid.unwrap_or(true),
    })
}

fn request(element: &Element, kind: RequestKind) -> Result<Part, Fault> {
    writes(element)?;
    let body: Option<RequestBody> = element.read_body().map_err(|_| Fault::Unreadable)?;
    let id = entity_id(element, body.as_ref().and_then(|it| it.id.clone()));
    let request = RequestRef { kind, id };
    let change = |step, by_colleague, asked| {
        let (effects, overtaken) = (Vec::new(), Vec::new());
        let change = RequestChange { request, step, by_colleague, asked, effects, overtaken };
        Ok(Part::Request(change))
    };
    let Some(body) = body else {
        let cancelled = element.method == Method::Delete;
        return if cancelled {
            change(Step::Cancelled, false, Asked::default())
        } else {
            Ok(Part::Nothing)
        };
    };
    let step = step(&element.method, kind, &body)?;
    let by_colleague = body.assigned_to == Party::Recipient;
    change(step, by_colleague, asked(body))
}

fn step(method: &Method, kind: RequestKind, body: &RequestBody) -> Result<Step, Fault> {
    if *method == Method::Delete {
        return Ok(Step::Cancelled);
    }
    let has_recipient = match kind {
        RequestKind::Swap | RequestKind::Offer => true,
        RequestKind::OpenShift | RequestKind::TimeOff => false,
    };
    match (&body.state, &body.assigned_to) {
        (State::Pending, Party::Manager) if *method == Method::Put && has_recipient => {
            Ok(Step::Agreed)
        }
        (State::Pending, Party::Other(_)) if *method == Method::Put && has_recipient => {
            Err(Fault::Operation)
        }
        (State::Pending, _) => Ok(Step::Asked),
        (State::Approved, _) => Ok(Step::Approved),
        (State::Declined, Party::System) => Ok(Step::DeclinedBySystem),
        (State::Declined, Party::Recipient) => Ok(Step::DeclinedByColleague),
        (State::Declined, Party::Manager | Party::Sender | Party::Other(_)) => {
            Ok(Step::DeclinedByManager)
        }
        (State::Other(_), _) => Err(Fault::Operation),
    }
}

fn asked(body: RequestBody) -> Asked {
    let RequestBody {
        id: _,
        state: _,
        assigned_to: _,
        sender_user_id,
        sender_message: _,
        sender_shift_id,
        recipient_user_id,
        recipient_action_message: _,
        recipient_shift_id,
        open_shift_id,
        manager_user_id,
        manager_action_message: _,
        time_off_reason_id,
        start_date_time,
        end_date_time,
    } = body;
    let given = |id: Option<String>| id.filter(|id| !id.is_empty());
    Asked {
        sender: given(sender_user_id),
        sender_shift: given(sender_shift_id),
        recipient: given(recipient_user_id),
        recipient_shift: given(recipient_shift_id),
        open_shift: given(open_shift_id),
        reason: given(time_off_reason_id),
        interval: interval(start_date_time, end_date_time).ok(),
        manager: given(manager_user_id),
    }
}
