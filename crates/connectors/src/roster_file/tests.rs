//! What rows mean: times, kinds, identities, parts; and what is said about bad ones.

mod grown;
mod merged;
mod workbook;

use domain::{Entity, Shift, SyncWindow, TimeOffSpan, UtcInterval};
use engine::port::{Absence, FieldFault, Identity, SourceError};
use jiff::Timestamp;
use jiff::civil::date;

use super::config::RosterFileConfig;
use super::map::Rules;
use super::provider::{Gathered, gather};
use crate::ConnectionConfig;

const COLUMNS: &str = r#"columns = { employee = "who", activity = "what", date = "day",
    start = "from", end = "to", end_date = "until" }"#;
const HEADER: &str = "who,what,day,from,to,until,extra\n";

fn config(more: &str) -> RosterFileConfig {
    let text = format!("path = \"*.csv\"\ntime_zone = \"Europe/Berlin\"\n{more}\n");
    toml::from_str(&text).unwrap()
}

fn always() -> SyncWindow {
    SyncWindow { interval: UtcInterval::new(Timestamp::MIN, Timestamp::MAX).unwrap() }
}

fn read_with(more: &str, text: &str) -> Result<Gathered, SourceError> {
    let config = config(more);
    config.validate().unwrap();
    let rules = Rules::of(&config).unwrap();
    gather(&[("a.csv", text)], vec![], (&config, &rules), &always())
}

fn read(rows: &str) -> Gathered {
    read_with(COLUMNS, &format!("{HEADER}{rows}")).unwrap()
}

fn shifts(gathered: &Gathered) -> Vec<&Shift> {
    gathered
        .entities
        .iter()
        .filter_map(|it| match &it.entity {
            Entity::Shift(shift) => Some(shift),
            _ => None,
        })
        .collect()
}

fn faults(result: Result<Gathered, SourceError>) -> Vec<FieldFault> {
    match result {
        Err(SourceError::BadRows { faults, .. }) => faults,
        other => panic!("expected bad rows, found {other:?}"),
    }
}

/// One row of Ana's, and when its shift is.
fn check_times(row: &str, expected: &str) {
    let gathered = read(&format!("Ana,Late,{row},x\n"));
    assert_eq!(shifts(&gathered)[0].interval.to_string(), expected, "{row}");
}

/// One bad row: the field pointed at, and what is said.
fn check_fault(more: &str, row: &str, field: &str, message: &str) {
    let fault = faults(read_with(more, &format!("{HEADER}{row}\n"))).remove(0);
    assert!(fault.message.contains(message), "{row}: {}", fault.message);
    let pointed = fault.field.map_or("", |(start, end)| &fault.text[start..end]);
    // What goes to a terminal holds no control characters.
    let shown = |text: &str| text.replace('\u{1}', " ");
    let expected = (shown(field), 2, shown(row));
    assert_eq!((pointed.to_owned(), fault.line, fault.text), expected);
}

#[test]
fn times_are_read_in_every_form() {
    let day = "2026-10-05T12:30:00Z/2026-10-05T20:30:00Z";
    check_times("2026-10-05,14:30,22:30,2026-10-05", day);
    check_times("2026-10-05,14:30,22:30,", day);
    check_times("2026-10-05,14:30:00,22:30:00,", day);
    check_times(",2026-10-05T14:30,2026-10-05 22:30,", day);
    check_times(",2026-10-05T12:30:00Z,2026-10-05T22:30:00.5+02:00,", day);
    check_times("2026-10-05,14:30,2026-10-05T20:30Z,", day);
    check_times(",2026-10-05T12:30Z,22:30,", day);
    check_times("2026-10-05,9:00,24:00,", "2026-10-05T07:00:00Z/2026-10-05T22:00:00Z");
    check_times("2026-10-05,22:00,6:00,", "2026-10-05T20:00:00Z/2026-10-06T04:00:00Z");
    check_times("2026-10-05,22:00,24:00,2026-10-06", "2026-10-05T20:00:00Z/2026-10-06T22:00:00Z");
    let whole_day = "2026-10-05T06:00:00Z/2026-10-06T06:00:00Z";
    check_times("2026-10-05,08:00,08:00,2026-10-06", whole_day);
    check_times("2026-10-05,08:00,2026-10-06T08:00,", whole_day);
}

#[test]
fn nights_over_a_change_of_clocks_keep_their_instants() {
    check_times("2026-10-24,22:00,06:00,", "2026-10-24T20:00:00Z/2026-10-25T05:00:00Z");
    check_times("2027-03-27,22:00,06:00,", "2027-03-27T21:00:00Z/2027-03-28T04:00:00Z");
}

#[test]
fn a_gap_and_a_fold_are_decided_and_noted_once_per_row() {
    let gathered = read("Ana,Late,2027-03-28,02:30,10:00,,x\nBo,Late,2026-10-25,02:10,02:40,,x\n");
    let times: Vec<String> = shifts(&gathered).iter().map(|it| it.interval.to_string()).collect();
    assert_eq!(
        times,
        ["2027-03-28T01:30:00Z/2027-03-28T08:00:00Z", "2026-10-25T00:10:00Z/2026-10-25T00:40:00Z",]
    );
    let notes: Vec<&str> = gathered.notes.iter().map(|it| it.message.as_str()).collect();
    assert_eq!(notes.len(), 2);
    assert!(notes[0].contains("does not exist in Europe/Berlin; taken as 2027-03-28T03:30:00"));
    assert!(notes[1].contains("2026-10-25T02:10:00 exists twice") && notes[1].contains("02:40"));
}

#[test]
fn an_end_that_is_shown_twice_is_the_later_one_when_the_earlier_would_not_be_after_the_start() {
    check_times("2026-10-25,02:40,02:10,2026-10-25", "2026-10-25T00:40:00Z/2026-10-25T01:10:00Z");
}

#[test]
fn refusing_policies_make_bad_rows_of_gaps_and_folds() {
    let gap = format!("{COLUMNS}\ndst_gap = \"refuse\"");
    check_fault(&gap, "Ana,x,2027-03-28,02:30,10:00,,", "02:30", "clocks skip it");
    let fold = format!("{COLUMNS}\ndst_fold = \"refuse\"");
    check_fault(&fold, "Ana,x,2026-10-24,22:00,02:30,,", "02:30", "show it again");
}

#[test]
fn dates_in_another_format_are_read_when_it_is_named() {
    let more = format!("{COLUMNS}\ndate_format = \"%d.%m.%Y\"");
    let rows = "Ana,x,05.10.2026,14:30,22:30,,\nBo,x,,05.10.2026 14:30,05.10.2026 24:00,,\n";
    let gathered = read_with(&more, &format!("{HEADER}{rows}")).unwrap();
    let [ana, bo] = shifts(&gathered)[..] else { panic!("two shifts") };
    assert_eq!(ana.interval.to_string(), "2026-10-05T12:30:00Z/2026-10-05T20:30:00Z");
    assert_eq!(bo.interval.to_string(), "2026-10-05T12:30:00Z/2026-10-05T22:00:00Z");
    check_fault(&more, "Ana,x,2026-10-05,14:30,22:30,,", "2026-10-05", "`%d.%m.%Y`");
}

#[test]
fn bad_rows_name_field_value_and_what_was_expected() {
    let check = |row, field, message| check_fault(COLUMNS, row, field, message);
    check(",x,2026-10-05,14:30,22:30,,", "", "names no employee");
    check("A,x,2026-13-05,14:30,22:30,,", "2026-13-05", "is no date");
    check("A,x,2026-10-05,2 Uhr,22:30,,", "2 Uhr", "`2 Uhr` is no time");
    check("A,x,2026-10-05,24:00,22:30,,", "24:00", "end of a day");
    check("A,x,2026-10-05,,22:30,,", "", "is empty; expected a time");
    check("A,x,,14:30,22:30,,", "14:30", "has a time and no date");
    check("A,x,2026-10-05,14:30,22:30,2026-10-04,", "22:30", "not after its start");
    check("A,x,2026-10-05,08:00,08:00,,", "08:00", "start and end are equal");
    check("A,x,2026-10-05,00:00,00:00,,", "00:00", "start and end are equal");
    check("A,x,2026-10-05,08:00,08:00,2026-10-05,", "08:00", "not after its start");
    check("A,x,2026-10-05,14:30,22:30,2026-11-04,", "22:30", "lasts 729 hours");
    check("A,x,2026-10-05,14:30,22:30,", "", "6 fields; expected 7");
    check("A,\"x\u{1}\",2026-10-05,14:30,22:30,,", "\"x\u{1}\"", "control characters");
    check("A,\"x\"y,2026-10-05,14:30,22:30,,", "y", "follows the closing quote");
}

#[test]
fn a_local_time_without_a_zone_is_a_bad_row() {
    let config: RosterFileConfig = toml::from_str(&format!("path = \"x\"\n{COLUMNS}")).unwrap();
    let rules = Rules::of(&config).unwrap();
    let read = |row: &str| {
        gather(&[("a.csv", &format!("{HEADER}{row}"))], vec![], (&config, &rules), &always())
    };
    let fault = faults(read("Ana,x,2026-10-05,14:30,22:30,,\n")).remove(0);
    assert_eq!(fault.message, "is local time, and no time zone is known");
    let gathered = read("Ana,x,,2026-10-05T23:00-05:00,2026-10-06T07:00-05:00,,\n").unwrap();
    assert_eq!(shifts(&gathered)[0].day, date(2026, 10, 5));
}

#[test]
fn a_column_that_is_not_there_is_answered_with_the_nearest_and_all() {
    let header = "who,what,date,from,to,until\n";
    let fault = faults(read_with(COLUMNS, header)).remove(0);
    assert_eq!(
        fault.message,
        "column `day`, which is mapped to `date`, is not in the header of this file"
    );
    let hint = fault.hint.unwrap();
    assert!(hint.ends_with("the header has `who`, `what`, `date`, `from`, `to`, `until`"));
}

#[test]
fn lines_count_as_separate_shifts_unless_they_agree_in_every_column() {
    let row = "Ana,Late,2026-10-05,14:30,22:30,2026-10-05";
    let gathered = read(&format!("{row},x\n{row},y\n{row},x\n{row},\n"));
    let found = shifts(&gathered);
    assert_eq!(found.len(), 3);
    let mut ids: Vec<_> = found.iter().map(|it| it.id.clone()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    assert_eq!(
        (gathered.notes.len(), gathered.notes[0].message.as_str()),
        (1, "repeats a.csv:2 in every column; both count as one")
    );
}

#[test]
fn rows_that_differ_in_a_mapped_column_only_have_ids_of_their_own() {
    let row = "Ana,Late,2026-10-05,14:30";
    let gathered = read(&format!("{row},22:30,,x\n{row},22:45,,x\n"));
    let [a, b] = shifts(&gathered)[..] else { panic!("two shifts") };
    assert_ne!(a.id, b.id);
    assert_eq!(a.id.as_str().len(), 24);
}

#[test]
fn employees_groups_and_reasons_become_entities() {
    let more = r#"columns = { employee = "who", activity = "what", date = "day", start = "from",
        end = "to", group = "team", type = "type", reason = "why", name = "name",
        email = "mail" }"#;
    let text = "who,what,day,from,to,team,type,why,name,mail\n\
        7,Late,2026-10-05,14:30,22:30,Support,,,Åsa Öberg,\n\
        7,Late,2026-10-06,14:30,22:30,Support,shift,,,asa@example.com\n\
        7,,2026-10-07,,,,time-off,Annual leave,Asa,\n";
    let gathered = read_with(more, text).unwrap();
    let names: Vec<String> =
        gathered.entities.iter().map(|it| it.entity.key().to_string()).collect();
    assert_eq!(
        names[3..],
        ["employee/7", "schedule_group/Support", "time_off_reason/Annual leave"]
    );
    let Entity::Employee(employee) = &gathered.entities[3].entity else { panic!("an employee") };
    assert_eq!(employee.name.as_deref(), Some("Åsa Öberg"));
    assert_eq!(employee.email.as_deref(), Some("asa@example.com"));
    assert_eq!(gathered.notes.len(), 1);
    let Entity::TimeOff(time_off) = &gathered.entities[2].entity else { panic!("time off") };
    assert_eq!(
        time_off.span,
        TimeOffSpan::AllDay {
            first: date(2026, 10, 7),
            end: date(2026, 10, 8),
            zone: "Europe/Berlin".to_owned()
        }
    );
}

const TYPED: &str = r#"columns = { employee = "who", activity = "what", start = "from", end = "to",
    id = "id", type = "type", shift = "of", paid = "paid", open_slots = "slots", date = "day" }
    day_off_codes = ["-"]"#;

fn read_typed(rows: &str) -> Result<Gathered, SourceError> {
    read_with(TYPED, &format!("id,type,of,who,what,day,from,to,paid,slots\n{rows}"))
}

#[test]
fn activities_go_to_the_shift_that_they_name_or_that_contains_them() {
    let gathered = read_typed(
        ",activity,s1,,Lunch,2026-10-05,12:00,12:30,no,\n\
         s1,shift,,Ana,Early,2026-10-05,08:00,16:00,,\n\
         ,activity,,Ana,Chat,2026-10-05,08:00,12:00,,\n\
         s1,activity,,,Mail,2026-10-05,12:30,16:00,,\n\
         o1,open_shift,,,Late,2026-10-05,14:00,22:00,,3\n\
         ,activity,o1,,Break,2026-10-05,18:00,18:15,yes,\n",
    )
    .unwrap();
    let labels = |activities: &[domain::Activity]| -> Vec<(String, bool)> {
        activities.iter().map(|it| (it.label.clone(), it.paid)).collect()
    };
    let shift = shifts(&gathered)[0];
    assert_eq!(
        labels(&shift.activities),
        [("Chat".into(), true), ("Lunch".into(), false), ("Mail".into(), true)]
    );
    let Entity::OpenShift(open) = &gathered.entities[1].entity else { panic!("an open shift") };
    assert_eq!((open.open_slots, labels(&open.activities)), (3, vec![("Break".into(), true)]));
    assert_eq!(gathered.entities[1].identity, Identity::Native);
}

#[test]
fn an_activity_without_its_shift_is_a_bad_row() {
    let shift = "s1,shift,,Ana,Early,2026-10-05,08:00,16:00,,\n";
    let check = |row: &str, message: &str| {
        let fault = faults(read_typed(&format!("{shift}{row}"))).remove(0);
        assert!(fault.message.contains(message), "{}", fault.message);
        assert_eq!(fault.line, 3);
    };
    check(",activity,s2,,Lunch,2026-10-05,12:00,12:30,,\n", "no row has the id `s2`");
    check(",activity,s1,,Lunch,2026-10-05,17:00,17:30,,\n", "outside its shift");
    check(",activity,,Ana,Lunch,2026-10-06,12:00,12:30,,\n", "no shift of this employee");
    check(",activity,,,Lunch,2026-10-05,12:00,12:30,,\n", "neither its shift nor an employee");
}

#[test]
fn an_id_twice_is_a_bad_row_that_names_the_other_line() {
    let fault = faults(read_typed(
        "s1,,,Ana,Early,2026-10-05,08:00,16:00,,\ns1,,,Ana,Early,2026-10-06,08:00,16:00,,\n",
    ))
    .remove(0);
    assert_eq!(fault.message, "id `s1` stands already at a.csv:2");
    assert_eq!((fault.line, fault.column.as_deref()), (3, Some("id")));
}

#[test]
fn days_off_and_open_shifts_without_slots_are_nothing() {
    let gathered =
        read_typed(",,,Ana,-,2026-10-05,,,,\no1,open_shift,,,Late,2026-10-05,14:00,22:00,,0\n")
            .unwrap();
    let keys: Vec<String> =
        gathered.entities.iter().map(|it| it.entity.key().to_string()).collect();
    assert_eq!(keys, ["employee/Ana"]);
}

#[test]
fn skipped_rows_are_listed_and_absence_means_nothing_then() {
    let more = format!("{COLUMNS}\non_bad_row = \"skip\"");
    let good = "Ana,Late,2026-10-05,14:30,22:30,,\n";
    let gathered = read_with(&more, &format!("{HEADER}{good}Bo,Late,x,1,2,,\n")).unwrap();
    assert_eq!((shifts(&gathered).len(), gathered.skipped.len()), (1, 1));
    assert_eq!(gathered.absence, Absence::MeansNothing);
    let gathered = read_with(&more, &format!("{HEADER}{good}")).unwrap();
    let first_day = "2026-10-04T22:00:00Z".parse().unwrap();
    assert_eq!(gathered.absence, Absence::MeansDeletedFrom(first_day));
}

#[test]
fn nothing_is_concluded_of_the_days_before_the_one_on_which_the_first_row_ends() {
    let from = |rows: &str| read_with(COLUMNS, &format!("{HEADER}{rows}")).unwrap().absence;
    let day = |text: &str| Absence::MeansDeletedFrom(text.parse().unwrap());
    assert_eq!(from("Ana,Late,2026-10-05,14:30,22:30,,\n"), day("2026-10-04T22:00:00Z"));
    // To the end of the day, and no further.
    assert_eq!(from("Ana,Late,2026-10-05,16:00,00:00,,\n"), day("2026-10-04T22:00:00Z"));
    // A night that began before the first day does not say that the day before is told.
    let night = "Ana,Night,2026-10-04,22:30,06:30,,\nBo,Late,2026-10-05,14:30,22:30,,\n";
    assert_eq!(from(night), day("2026-10-04T22:00:00Z"));
    assert_eq!(from(""), Absence::MeansDeleted);
}

#[test]
fn notes_that_cannot_be_kept_as_they_are_cost_nobody_their_shift() {
    let more = COLUMNS.replace("}", ", notes = \"extra\" }");
    let read = |notes: &str| {
        let row = format!("Ana,Late,2026-10-05,14:30,22:30,,\"{notes}\"\n");
        let gathered = read_with(&more, &format!("{HEADER}{row}")).unwrap();
        let said = gathered.notes.iter().map(|it| {
            assert_eq!((it.line, it.column.as_deref()), (2, Some("extra")));
            it.message.clone()
        });
        (shifts(&gathered)[0].notes.clone(), said.collect::<Vec<_>>())
    };
    assert_eq!(read("a\tb\r\nc"), (Some("a\tb\nc".into()), vec![]));
    let dropped = || vec!["holds '\\u{b}'; control characters are left out".to_owned()];
    assert_eq!(read("a\u{b}b\u{7f}"), (Some("ab".into()), dropped()));
    assert_eq!(read("\u{b}"), (None, dropped()));
    let (kept, said) = read(&"ä".repeat(16 * 1024 + 1));
    assert_eq!(kept, Some("ä".repeat(16 * 1024)));
    assert_eq!(said, ["has 32770 bytes; cut to 32768"]);
    let (kept, said) = read(&format!("a{}\u{0}", "ä".repeat(16 * 1024)));
    assert_eq!((kept.unwrap().len(), said.len()), (32 * 1024 - 1, 2));
}

#[test]
fn many_bad_rows_are_counted() {
    let rows = "Bo,Late,x,1,2,,\n".repeat(150);
    match read_with(COLUMNS, &format!("{HEADER}{rows}")) {
        Err(SourceError::BadRows { faults, more, .. }) => {
            assert_eq!((faults.len(), more), (100, 50))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn settings_that_cannot_work_are_refused_before_anything_is_read() {
    let check = |more: &str, message: &str| {
        let config: RosterFileConfig =
            toml::from_str(&format!("path = \"*.csv\"\n{COLUMNS}\n{more}")).unwrap();
        let error = config.validate().unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    };
    check("time_zone = \"Berlin\"", "`time_zone`: `Berlin` is no IANA time zone");
    check("date_format = \"%d.%m.\"", "does not say year, month and day");
    let unknown = format!("path = \"x\"\n{}", COLUMNS.replace("employee", "emploee"));
    let error = toml::from_str::<RosterFileConfig>(&unknown).unwrap_err().to_string();
    assert!(error.contains("unknown field `emploee`"), "{error}");
}
