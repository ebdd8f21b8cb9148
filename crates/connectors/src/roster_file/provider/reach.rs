//! Over which days a reading reaches. One that misses the window altogether is told: a wrong year
//! or a wrong column would otherwise look like an empty schedule. And of the days before the first
//! one nothing is concluded: an export may begin with the day on which it is made.

use domain::time::local_day;
use domain::{Entity, SyncWindow, TimeOffSpan};
use engine::port::{Absence, FieldFault};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// What was seen that lies in time.
#[derive(Debug, Default)]
pub(super) struct Reach {
    seen: usize,
    inside: usize,
    days: Option<(Date, Date)>,
    /// When the first one ends.
    ends_first: Option<Timestamp>,
}

impl Reach {
    /// Takes note of an entity.
    pub fn see(&mut self, entity: &Entity, is_inside: bool) {
        let Some((first, last)) = days(entity) else { return };
        self.seen += 1;
        let end = entity.interval().map(|it| it.end());
        self.ends_first = [self.ends_first, end].into_iter().flatten().min();
        self.inside += usize::from(is_inside);
        self.days = match self.days {
            None => Some((first, last)),
            Some((earliest, latest)) => Some((earliest.min(first), latest.max(last))),
        };
    }

    /// What follows for what is not there: nothing, where it ended before the first day, which is
    /// the one on which something ends first. Work that begins in the evening before is told with
    /// the day on which it ends, and absences that began long ago with the days that are left of
    /// them.
    pub fn absence(&self, zone: Option<&TimeZone>) -> Absence {
        let utc = TimeZone::UTC;
        let zone = zone.unwrap_or(&utc);
        let last_moment = self.ends_first.and_then(|end| end.checked_sub(1.nanoseconds()).ok());
        let first_day = last_moment.map(|it| local_day(it, zone).to_zoned(zone.clone()));
        match first_day {
            Some(Ok(begins)) => Absence::MeansDeletedFrom(begins.timestamp()),
            Some(Err(_)) | None => Absence::MeansDeleted,
        }
    }

    /// That there is something, and none of it inside `window`.
    pub fn missed(&self, place: &str, window: &SyncWindow) -> Option<FieldFault> {
        let (first, last) = self.days.filter(|_| self.inside == 0)?;
        let from = window.interval.start().to_zoned(TimeZone::UTC).date();
        let until = window.interval.end().to_zoned(TimeZone::UTC).date();
        let message = format!(
            "all {} entries lie outside the window: found {first} to {last}, expected some from \
             {from} to {until}",
            self.seen
        );
        Some(FieldFault {
            place: place.to_owned(),
            line: 0,
            text: String::new(),
            field: None,
            column: None,
            message,
            hint: Some(
                "look at the year, the column of the date and `date_format`; `window` of the \
                 roster says which days are taken"
                    .to_owned(),
            ),
            stands_for: 1,
        })
    }
}

/// The first and the last day of an entity, as its source says them; `None` for what does not
/// lie in time.
fn days(entity: &Entity) -> Option<(Date, Date)> {
    let one = |day: Date| Some((day, day));
    match entity {
        Entity::Shift(shift) => one(shift.day),
        Entity::OpenShift(open_shift) => one(open_shift.day),
        Entity::TimeOff(time_off) => match &time_off.span {
            TimeOffSpan::AllDay { first, end, zone: _ } => {
                Some((*first, end.yesterday().unwrap_or(*first)))
            }
            TimeOffSpan::Timed(interval) => one(interval.start().to_zoned(TimeZone::UTC).date()),
        },
        Entity::Employee(_) | Entity::ScheduleGroup(_) | Entity::TimeOffReason(_) => None,
    }
}
