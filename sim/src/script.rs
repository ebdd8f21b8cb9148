//! How the schedule begins, and how it changes.

use jiff::Span;
use jiff::civil::Date;
use testkit::seeded_entropy::SeededEntropy;

use crate::setup::Setup;
use crate::truth::{Absent, Person, Truth, Work};

const LABELS: [&str; 4] = ["Early", "Late", "Night", "Inbound; phone, \"A\" \\ é"];
const ZONES: [&str; 3] = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"];

/// Writes the schedule.
pub struct Script {
    chance: SeededEntropy,
    renames: bool,
    /// Whether there are open shifts and availabilities.
    schedule: bool,
    begins: Date,
    /// What is true now.
    pub truth: Truth,
    next: u32,
    emails: u32,
}

impl Script {
    /// The schedule with which a world begins.
    #[must_use]
    pub fn begin(setup: &Setup, begins: Date, chance: SeededEntropy) -> Self {
        let truth = Truth::default();
        let (renames, next, emails) = (setup.renames, 0, 0);
        let schedule = setup.schedule.is_some();
        let mut script = Self { chance, renames, schedule, begins, truth, next, emails };
        for number in 0..3 {
            script.truth.groups.insert(format!("g{number}"), format!("Ward {number}"));
            script.truth.reasons.insert(format!("r{number}"), format!("Leave {number}"));
        }
        for number in 0..setup.people {
            script.add_person(number);
        }
        for _ in 0..setup.shifts {
            script.add_shift();
        }
        for _ in 0..script.chance.below(4) {
            script.add_absence();
        }
        script
    }

    /// Changes one thing, and says what.
    pub fn change(&mut self) -> String {
        if self.schedule && self.chance.chance(25) {
            return self.change_schedule();
        }
        match self.chance.below(16) {
            0..=2 => self.add_shift(),
            3 | 4 => self.remove_shift(),
            5..=7 => self.move_shift(),
            8 | 9 => self.edit_shift(),
            10 => self.reassign(),
            11 => self.add_absence(),
            12 => self.change_absence(),
            13 => self.rename_group(),
            14 if self.renames => self.change_email(),
            14 => self.edit_shift(),
            _ => self.change_people(),
        }
    }

    /// Changes one shift in a way that keeps it recognisable and where it is.
    pub fn change_lightly(&mut self) -> String {
        if self.chance.chance(50) { self.edit_shift() } else { self.add_shift() }
    }

    fn pick<T: Clone>(&self, of: impl Iterator<Item = T>) -> Option<T> {
        let all: Vec<T> = of.collect();
        if all.is_empty() {
            None
        } else {
            Some(all[self.chance.below(all.len() as u64) as usize].clone())
        }
    }

    fn day(&self) -> Date {
        self.begins.saturating_add(Span::new().days(self.chance.below(24) as i64 - 9))
    }

    fn someone(&self) -> String {
        self.pick(self.truth.people.keys().cloned()).unwrap_or_else(|| "nobody".into())
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn email(&mut self) -> String {
        self.emails += 1;
        format!("person{}@example.com", self.emails)
    }

    fn add_person(&mut self, number: u64) {
        // Some have no calendar yet.
        let email = if self.chance.chance(93) { Some(self.email()) } else { None };
        let zone = ZONES[self.chance.below(3) as usize];
        let person = Person { name: format!("Person {number}"), email, zone, available: None };
        self.truth.people.insert(format!("p{number}"), person);
    }

    /// Changes what calendars do not show.
    fn change_schedule(&mut self) -> String {
        let open = self.pick(self.truth.open.keys().copied());
        match (self.chance.below(4), open) {
            (0, Some(number)) => {
                self.truth.open.remove(&number);
                format!("remove open shift {number}")
            }
            (1, Some(number)) => {
                if let Some((_, slots)) = self.truth.open.get_mut(&number) {
                    *slots += 1;
                }
                format!("one more may claim open shift {number}")
            }
            (2, _) => {
                let (who, zone) = (self.someone(), ZONES[0]);
                let texts = [None, Some("UTC; mon none"), Some("Europe/Berlin; tue 08:00-12:00")];
                let available = texts[self.chance.below(3) as usize];
                if let Some(person) = self.truth.people.get_mut(&who) {
                    person.available = available;
                }
                format!("{who} of {zone} is available {available:?}")
            }
            (_, _) => {
                let (number, work) = (self.number(), self.work());
                let told = format!("add open shift {number} {work:?}");
                self.truth.open.insert(number, (Work { with_break: false, ..work }, 1));
                told
            }
        }
    }

    fn work(&mut self) -> Work {
        let who = self.someone();
        let hours = [4, 8, 8, 8, 12][self.chance.below(5) as usize];
        Work {
            group: self.pick(self.truth.groups.keys().cloned()).filter(|_| self.chance.chance(70)),
            label: LABELS[self.chance.below(4) as usize],
            day: self.day(),
            hour: [2, 6, 14, 22][self.chance.below(4) as usize],
            zone: self.truth.people.get(&who).map_or("Europe/Berlin", |it| it.zone),
            minutes: hours * 60,
            with_break: self.chance.chance(50),
            notes: self.chance.chance(20).then(|| "bring the keys, please".to_owned()),
            who,
        }
    }

    /// A shift that somebody may ask for on this day.
    pub fn asked_shift(&mut self, day: Date) -> (u32, Work) {
        let work = Work { day, ..self.work() };
        (self.number(), work)
    }

    fn add_shift(&mut self) -> String {
        let work = self.work();
        let number = self.number();
        let told = format!("add shift {number} {work:?}");
        self.truth.shifts.insert(number, work);
        told
    }

    fn a_shift(&self) -> Option<u32> {
        self.pick(self.truth.shifts.keys().copied())
    }

    fn remove_shift(&mut self) -> String {
        let Some(number) = self.a_shift() else { return "nothing to remove".into() };
        self.truth.shifts.remove(&number);
        format!("remove shift {number}")
    }

    fn move_shift(&mut self) -> String {
        let Some(number) = self.a_shift() else { return "nothing to move".into() };
        let (day, far) = (self.day(), self.chance.chance(30));
        let hours = self.chance.below(6) as i8;
        let Some(work) = self.truth.shifts.get_mut(&number) else { return String::new() };
        if far {
            work.day = day;
        } else {
            work.hour = (work.hour + hours) % 24;
        }
        format!("move shift {number} to {} {}", work.day, work.hour)
    }

    fn edit_shift(&mut self) -> String {
        let Some(number) = self.a_shift() else { return "nothing to edit".into() };
        let (how, label) = (self.chance.below(4), LABELS[self.chance.below(4) as usize]);
        let Some(work) = self.truth.shifts.get_mut(&number) else { return String::new() };
        match how {
            0 => work.label = label,
            1 => work.notes = Some(format!("see note {}", work.minutes + i64::from(number))),
            2 => work.with_break = !work.with_break,
            _ => work.minutes += 30,
        }
        format!("edit shift {number}: {work:?}")
    }

    fn reassign(&mut self) -> String {
        let (Some(number), who) = (self.a_shift(), self.someone()) else {
            return "nothing to reassign".into();
        };
        if let Some(work) = self.truth.shifts.get_mut(&number) {
            work.who.clone_from(&who);
        }
        format!("reassign shift {number} to {who}")
    }

    fn add_absence(&mut self) -> String {
        let who = self.someone();
        let absent = Absent {
            reason: self
                .pick(self.truth.reasons.keys().cloned())
                .filter(|_| self.chance.chance(70)),
            first: self.day(),
            days: self.chance.below(4) as i64,
            zone: self.truth.people.get(&who).map_or("Europe/Berlin", |it| it.zone),
            notes: self.chance.chance(30).then(|| "agreed".to_owned()),
            who,
        };
        let number = self.number();
        let told = format!("add absence {number} {absent:?}");
        self.truth.absences.insert(number, absent);
        told
    }

    fn change_absence(&mut self) -> String {
        let Some(number) = self.pick(self.truth.absences.keys().copied()) else {
            return self.add_absence();
        };
        if self.chance.chance(40) {
            self.truth.absences.remove(&number);
            return format!("remove absence {number}");
        }
        if let Some(absent) = self.truth.absences.get_mut(&number) {
            absent.days += 1;
        }
        format!("lengthen absence {number}")
    }

    fn rename_group(&mut self) -> String {
        let (Some(id), number) = (self.pick(self.truth.groups.keys().cloned()), self.number())
        else {
            return "no group".into();
        };
        let name = format!("Unit {number}");
        let told = format!("rename group {id} to {name}");
        self.truth.groups.insert(id, name);
        told
    }

    fn change_email(&mut self) -> String {
        let (who, email) = (self.someone(), self.email());
        let email = if self.chance.chance(90) { Some(email) } else { None };
        if let Some(person) = self.truth.people.get_mut(&who) {
            person.email.clone_from(&email);
        }
        format!("change the address of {who} to {email:?}")
    }

    fn change_people(&mut self) -> String {
        let who = self.someone();
        if self.chance.chance(70) || self.truth.people.len() < 2 {
            let number = self.number();
            if let Some(person) = self.truth.people.get_mut(&who) {
                person.name = format!("Person called {number}");
            }
            return format!("rename {who}");
        }
        self.truth.shifts.retain(|_, it| it.who != who);
        self.truth.absences.retain(|_, it| it.who != who);
        self.truth.open.retain(|_, (it, _)| it.who != who);
        self.truth.people.remove(&who);
        format!("{who} leaves")
    }
}
