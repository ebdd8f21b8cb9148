//! The mapping profile: what a calendar shows of an entity. Pure.
//!
//! Used by mirrors (through the planner) and by feeds, so that both show the same. An entity is one
//! event, or, where shifts are cut into blocks or adherence is shown, several: the main one and
//! further parts of it.

mod blocks;
mod filler;
mod head_count;
mod look;
mod template;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use domain::policy::PrivacyTier;
use domain::{
    CalendarEvent, CalendarKey, Contact, Entity, EventExtras, EventSpan, Fingerprint,
    Fingerprinter, OpenShift, Part, Shift, ShowAs, TimeOff, TimeOffSpan, UtcInterval, Visibility,
};
use jiff::SignedDuration;

pub use blocks::{Block, cut};
use filler::{BUSY, Filler};
pub use head_count::{Counted, Tally};
use look::Said;
pub use look::{ActivityProfile, Appearance, Tiers};
pub use template::{Field, OF_COUNT, OF_SHIFT, OF_TIME_OFF, Template, TemplateError};

/// The title of a shift, unless the operator says otherwise.
pub const TITLE_DEFAULT: &str = "{activity} – {group}";
/// The same where several people's shifts are in one calendar.
pub const SHARED_TITLE_DEFAULT: &str = "{employee} – {activity}";

/// How entities are shown in calendars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingProfile {
    /// How much is shown.
    pub privacy: PrivacyTier,
    /// How shifts look.
    pub look: Appearance,
    /// How the tiers differ.
    pub tiers: Tiers,
    /// How single kinds of work differ, by label.
    pub activities: BTreeMap<String, ActivityProfile>,
    /// How the activities of a shift are shown.
    pub activities_as: ActivitiesAs,
    /// What adherence allows, where that is shown.
    pub adherence: Option<Adherence>,
    /// How absences look; `None` where they are not shown.
    pub time_off: Option<Appearance>,
    /// How open shifts look; `None` where they are not shown.
    pub open_shifts: Option<Appearance>,
    /// Who is named as having called a shift together.
    pub organizer: Option<Contact>,
    /// Whether who works is named as taking part.
    pub attendees: bool,
    /// Which calendar a schedule group's work belongs to, by the group's id or name. Where there
    /// are any, groups without one are not shown.
    pub groups: BTreeMap<String, CalendarKey>,
    /// What is shown of a group.
    pub shows: Shows,
    /// The zone in which times in texts are written.
    pub time_zone: String,
}

/// How the activities of a shift are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ActivitiesAs {
    /// Listed in the text of one event.
    #[default]
    Text,
    /// As events, one after the other.
    Blocks,
}

/// What is shown of a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shows {
    /// Every shift.
    #[default]
    Shifts,
    /// How many work: one event for every stretch in which their number stays the same.
    HeadCount,
}

/// What adherence allows. Zero shows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adherence {
    /// How late work may begin.
    pub late_start: SignedDuration,
    /// How early it may end.
    pub early_leave: SignedDuration,
    /// How far a break, which is an unpaid activity, may be moved either way.
    pub break_window: SignedDuration,
}

/// All events of one entity.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Events {
    /// The one that every entity has that is shown.
    pub main: Option<CalendarEvent>,
    /// The others, ordered by part.
    pub more: Vec<(Part, CalendarEvent)>,
}

impl Default for MappingProfile {
    fn default() -> Self {
        Self {
            privacy: PrivacyTier::Full,
            look: Appearance::default(),
            tiers: Tiers::default(),
            activities: BTreeMap::new(),
            activities_as: ActivitiesAs::Text,
            adherence: None,
            time_off: Some(Appearance::default()),
            open_shifts: None,
            organizer: None,
            attendees: false,
            groups: BTreeMap::new(),
            shows: Shows::Shifts,
            time_zone: "UTC".into(),
        }
    }
}

/// Names that titles and descriptions may use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Group names by group id.
    pub groups: BTreeMap<String, String>,
    /// Names of time-off reasons by id.
    pub reasons: BTreeMap<String, String>,
    /// Employee names by id.
    pub employees: BTreeMap<String, String>,
    /// Employees who can be named as taking part, by id; filled only where that is asked for.
    pub contacts: BTreeMap<String, Contact>,
}

/// Parses a text of ours, which the tests have seen to be right.
fn own(text: &str, known: &[Field]) -> Template {
    Template::parse(text, known).unwrap_or_else(|_| unreachable!("it is one of ours"))
}

static TITLE: LazyLock<Template> = LazyLock::new(|| own(TITLE_DEFAULT, OF_SHIFT));
static DESCRIPTION: LazyLock<Template> = LazyLock::new(|| own("{activities}\n{notes}", OF_SHIFT));
static OPEN: LazyLock<Template> = LazyLock::new(|| own("Open: {activity} – {slots}", OF_SHIFT));
static OPEN_BUSY: LazyLock<Template> = LazyLock::new(|| own("Open shift", OF_SHIFT));
static REASON: LazyLock<Template> = LazyLock::new(|| own("{reason}", OF_TIME_OFF));
static COUNT: LazyLock<Template> = LazyLock::new(|| own("{group}: {count}", OF_COUNT));
static LATEST_START: LazyLock<Template> = LazyLock::new(|| own("Latest start {end}", OF_SHIFT));
static EARLIEST_LEAVE: LazyLock<Template> =
    LazyLock::new(|| own("Earliest leave {start}", OF_SHIFT));
static BREAK_WINDOW: LazyLock<Template> =
    LazyLock::new(|| own("{activity} between {start} and {end}", OF_SHIFT));

impl MappingProfile {
    /// The hash of the profile: another one means that every item is looked at again.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut print = Fingerprinter::new("mapping_profile/3");
        print.text(&format!("{self:?}"));
        print.finish()
    }

    /// Whether anything that it shows is filled with this.
    #[must_use]
    pub fn shows_field(&self, field: Field) -> bool {
        let Tiers { full, title, busy } = &self.tiers;
        let looks = [&self.look, full, title, busy].into_iter();
        let looks = looks.chain(self.activities.values().map(|it| &it.look));
        let looks = looks.chain(&self.time_off).chain(&self.open_shifts);
        let has = |it: &Appearance| {
            let labels = it.categories.iter().flatten();
            let texts = [&it.title, &it.description, &it.location].into_iter().flatten();
            texts.chain(labels).any(|template| template.has(field))
        };
        let default = self.look.title.is_none() && TITLE.has(field);
        default || looks.into_iter().any(has)
    }

    /// The main event of `entity`; `None` for kinds that calendars do not show.
    #[must_use]
    pub fn event(&self, entity: &Entity, names: &Names) -> Option<CalendarEvent> {
        self.events(entity, names).main
    }

    /// What is shown of `entity` as one part.
    #[must_use]
    pub fn part(&self, entity: &Entity, part: Part, names: &Names) -> Option<CalendarEvent> {
        let Events { main, more } = self.events(entity, names);
        if part.is_main() {
            return main;
        }
        more.into_iter().find(|it| it.0 == part).map(|it| it.1)
    }

    /// All that a calendar shows of `entity`. Nothing of it but the main event is made, and no
    /// memory taken, where shifts are not cut.
    #[must_use]
    pub fn events(&self, entity: &Entity, names: &Names) -> Events {
        let main = match entity {
            Entity::Shift(shift) => return self.shift(shift, names),
            Entity::TimeOff(time_off) => self.time_off(time_off, names),
            Entity::OpenShift(open) => self.open_shift(open, names),
            Entity::Employee(_) | Entity::ScheduleGroup(_) | Entity::TimeOffReason(_) => None,
        };
        Events { main, more: Vec::new() }
    }

    /// What is shown of `count` people of a group who work.
    #[must_use]
    pub fn head_count(&self, group: &str, count: u32, interval: UtcInterval) -> CalendarEvent {
        let said = Said::new(&self.tiers, PrivacyTier::Full, None, &self.look);
        let filler = Filler {
            group: Some(group),
            count: Some(count),
            interval: Some(interval),
            ..self.filler()
        };
        let title = said.title().unwrap_or(&COUNT);
        let mut event = self.dress(said, &filler, title, EventSpan::Timed(interval));
        event.show_as = said.show_as().unwrap_or(ShowAs::Free);
        event.plain()
    }

    /// How much of an entity is shown.
    #[must_use]
    pub fn tier_of(&self, entity: &Entity) -> PrivacyTier {
        match entity {
            Entity::Shift(shift) => self.tier(&shift.label),
            Entity::OpenShift(open) => self.tier(&open.label),
            Entity::TimeOff(_)
            | Entity::Employee(_)
            | Entity::ScheduleGroup(_)
            | Entity::TimeOffReason(_) => self.privacy,
        }
    }

    fn tier(&self, label: &str) -> PrivacyTier {
        let own = self.activities.get(label).and_then(|it| it.privacy);
        own.map_or(self.privacy, |own| look::stricter(self.privacy, own))
    }

    /// What a kind of work is called where it is named within something else; `None` where nothing
    /// may be said of it but when it is.
    fn called<'l>(&'l self, label: &'l str) -> Option<&'l str> {
        let own = self.activities.get(label).and_then(|it| it.title.as_deref());
        match self.tier(label) {
            PrivacyTier::Full | PrivacyTier::Title => Some(own.unwrap_or(label)),
            PrivacyTier::Busy => None,
        }
    }

    fn shift(&self, shift: &Shift, names: &Names) -> Events {
        let tier = self.tier(&shift.label);
        let full = tier == PrivacyTier::Full;
        if self.activities_as == ActivitiesAs::Text || !full || shift.activities.is_empty() {
            let main = Some(self.work(shift, names, tier, None));
            let mut more = Vec::new();
            if let Some(adherence) = self.adherence.filter(|_| full) {
                self.boundaries(shift, names, adherence, &mut more);
            }
            return Events { main, more };
        }
        let mut blocks = cut(shift).into_iter();
        let shown = |block: Block<'_>| self.work(shift, names, tier, Some(block));
        let main = blocks.next().map(shown);
        let mut more: Vec<(Part, CalendarEvent)> = blocks
            .zip(1..=u16::MAX)
            .map(|(block, number)| (Part::Block(number), shown(block)))
            .collect();
        if let Some(adherence) = self.adherence {
            self.boundaries(shift, names, adherence, &mut more);
        }
        Events { main, more }
    }

    /// A shift, or one block of it.
    fn work(
        &self,
        shift: &Shift,
        names: &Names,
        tier: PrivacyTier,
        block: Option<Block<'_>>,
    ) -> CalendarEvent {
        let activity = block.and_then(|it| it.activity);
        let own_label = activity.map_or(shift.label.as_str(), |it| it.label.as_str());
        let profile = self.activities.get(own_label);
        let tier = look::stricter(tier, self.tier(own_label));
        let label = profile.and_then(|it| it.title.as_deref()).unwrap_or(own_label);
        let said = Said::new(&self.tiers, tier, profile.map(|it| &it.look), &self.look);
        let filler = Filler {
            activity: Some(label),
            activities: if block.is_some() { &[] } else { &shift.activities },
            interval: Some(block.map_or(shift.interval, |it| it.interval)),
            notes: shift.notes.as_deref(),
            ..self.of_person(shift.employee.as_str(), shift.group.as_ref(), names)
        };
        let span = EventSpan::Timed(block.map_or(shift.interval, |it| it.interval));
        let title = match tier {
            PrivacyTier::Full | PrivacyTier::Title => said.title().unwrap_or(&TITLE),
            PrivacyTier::Busy => match said.title() {
                Some(title) => title,
                None => return self.busy(said, &filler, span).plain(),
            },
        };
        let mut event = self.dress(said, &filler, title, span);
        if said.is_full() {
            if said.description().is_none() {
                event.description = Some(DESCRIPTION.fill(&|field| filler.value(field)));
            }
            if said.categories().is_none() {
                event.categories = vec![label.to_owned()];
            }
            event.extras.organizer.clone_from(&self.organizer);
            let contact = names.contacts.get(shift.employee.as_str());
            event.extras.attendees =
                contact.filter(|_| self.attendees).cloned().into_iter().collect();
        }
        event.plain()
    }

    /// An event that says nothing but when.
    fn busy(&self, said: Said<'_>, filler: &Filler<'_>, span: EventSpan) -> CalendarEvent {
        CalendarEvent { summary: BUSY.into(), ..self.dress(said, filler, &TITLE, span) }
    }

    /// The boundaries of adherence around a shift, after what is there, in the order of parts.
    fn boundaries(
        &self,
        shift: &Shift,
        names: &Names,
        adherence: Adherence,
        more: &mut Vec<(Part, CalendarEvent)>,
    ) {
        let Adherence { late_start, early_leave, break_window } = adherence;
        let (start, end) = (shift.interval.start(), shift.interval.end());
        let mut show = |part, title: &Template, activity: &str, from, to| {
            let (from, to) = (std::cmp::max(from, start), std::cmp::min(to, end));
            let Ok(interval) = UtcInterval::new(from, to) else { return };
            let filler = Filler {
                activity: Some(activity),
                interval: Some(interval),
                ..self.of_person(shift.employee.as_str(), shift.group.as_ref(), names)
            };
            let nothing = Appearance::default();
            let said = Said::new(&self.tiers, PrivacyTier::Full, None, &nothing);
            let span = EventSpan::Timed(interval);
            let mut event = self.dress(said, &filler, title, span);
            event.summary = filler.fill(title, "Adherence");
            event.categories = vec!["Adherence".into()];
            // Nobody's time is taken twice: the shift takes it.
            event.show_as = ShowAs::Free;
            more.push((part, event.plain()));
        };
        let label = shift.label.as_str();
        if late_start.is_positive() {
            show(Part::LatestStart, &LATEST_START, label, start, start + late_start);
        }
        if early_leave.is_positive() {
            show(Part::EarliestLeave, &EARLIEST_LEAVE, label, end - early_leave, end);
        }
        let breaks = shift.activities.iter().filter(|it| !it.paid);
        for (it, number) in breaks.zip(1..=u16::MAX).filter(|_| break_window.is_positive()) {
            let (from, to) = (it.interval.start() - break_window, it.interval.end() + break_window);
            let called = self.called(&it.label).unwrap_or(BUSY);
            show(Part::BreakWindow(number), &BREAK_WINDOW, called, from, to);
        }
    }

    fn open_shift(&self, open: &OpenShift, names: &Names) -> Option<CalendarEvent> {
        let look = self.open_shifts.as_ref()?;
        let profile = self.activities.get(&open.label);
        let tier = self.tier(&open.label);
        let said = Said::new(&self.tiers, tier, profile.map(|it| &it.look), look);
        let label = profile.and_then(|it| it.title.as_deref()).unwrap_or(&open.label);
        let filler = Filler {
            activity: Some(label),
            activities: &open.activities,
            interval: Some(open.interval),
            notes: open.notes.as_deref(),
            slots: Some(open.open_slots),
            group: open.group.as_ref().map(|id| name_of(&names.groups, id.as_str())),
            ..self.filler()
        };
        let span = EventSpan::Timed(open.interval);
        let title = said.title().unwrap_or(match tier {
            PrivacyTier::Full | PrivacyTier::Title => &OPEN,
            PrivacyTier::Busy => &OPEN_BUSY,
        });
        let mut event = self.dress(said, &filler, title, span);
        event.show_as = said.show_as().unwrap_or(ShowAs::Free);
        if said.is_full() && said.description().is_none() {
            event.description = Some(DESCRIPTION.fill(&|field| filler.value(field)));
        }
        Some(event.plain())
    }

    fn time_off(&self, time_off: &TimeOff, names: &Names) -> Option<CalendarEvent> {
        let look = self.time_off.as_ref()?;
        let reason = time_off.reason.as_ref().map(|id| name_of(&names.reasons, id.as_str()));
        let span = match &time_off.span {
            TimeOffSpan::Timed(interval) => EventSpan::Timed(*interval),
            TimeOffSpan::AllDay { first, end, zone: _ } => {
                EventSpan::AllDay { first: *first, end: *end }
            }
        };
        let filler = Filler {
            reason: Some(reason.unwrap_or("Time off")),
            notes: time_off.notes.as_deref(),
            interval: time_off.span.interval().ok(),
            ..self.of_person(time_off.employee.as_str(), None, names)
        };
        let none = Tiers::default();
        let said = Said::new(&none, self.privacy, None, look);
        let title = said.title().filter(|_| said.is_full()).unwrap_or(&REASON);
        let mut event = self.dress(said, &filler, title, span);
        event.show_as = said.show_as().unwrap_or(match self.privacy {
            PrivacyTier::Full | PrivacyTier::Title => ShowAs::OutOfOffice,
            PrivacyTier::Busy => ShowAs::Busy,
        });
        match self.privacy {
            PrivacyTier::Full => {
                if said.description().is_none() {
                    event.description.clone_from(&time_off.notes);
                }
            }
            // The kind of an absence can be sensitive (sick leave), so a title never names it.
            PrivacyTier::Title => event.summary = "Time off".into(),
            PrivacyTier::Busy => event.summary = BUSY.into(),
        }
        Some(event.plain())
    }

    /// An event as far as it is said how it looks.
    fn dress(
        &self,
        said: Said<'_>,
        filler: &Filler<'_>,
        title: &Template,
        span: EventSpan,
    ) -> CalendarEvent {
        let location = said.location().map(|it| it.fill(&|field| filler.value(field)));
        let filler = Filler { location: location.as_deref(), ..*filler };
        let value = |field| filler.value(field);
        let categories = said.categories().into_iter().flatten();
        CalendarEvent {
            summary: filler.fill(title, "Shift"),
            description: said.description().map(|it| it.fill(&value)),
            categories: categories.map(|it| it.fill(&value).trim().to_owned()).collect(),
            span,
            show_as: said.show_as().unwrap_or(ShowAs::Busy),
            visibility: said.visibility().unwrap_or(Visibility::Default),
            extras: EventExtras {
                colour: said.colour(),
                reminder_minutes: said.reminder_minutes(),
                ..EventExtras::default()
            },
            location,
        }
    }

    fn filler(&self) -> Filler<'_> {
        Filler { zone: &self.time_zone, profile: Some(self), ..Filler::default() }
    }

    fn of_person<'a>(
        &'a self,
        employee: &'a str,
        group: Option<&'a domain::ScheduleGroupId>,
        names: &'a Names,
    ) -> Filler<'a> {
        Filler {
            employee: Some(name_of(&names.employees, employee)),
            group: group.map(|id| name_of(&names.groups, id.as_str())),
            ..self.filler()
        }
    }
}

fn name_of<'a>(names: &'a BTreeMap<String, String>, id: &'a str) -> &'a str {
    names.get(id).map_or(id, String::as_str)
}
