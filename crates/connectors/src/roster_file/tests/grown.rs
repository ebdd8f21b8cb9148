//! The exports that systems really write: local formats, words, sums, sheets and calendars.

use std::io::{Cursor, Write as _};

use domain::time::days_to_interval;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;
use zip::write::SimpleFileOptions;

use super::super::map::{DateFormat, LengthUnit, Moment, TimeFormat, length, moment};
use super::super::propose::propose;
use super::super::provider::text_of as text_within;
use super::super::sheet::bounded;
use super::workbook::{number_cell, text_cell, workbook};
use super::*;

const ROW: &str = "who,what,day,from,to,long,until\n";
const ROW_COLUMNS: &str = r#"columns = { employee = "who", activity = "what", date = "day",
    start = "from", end = "to", length = "long", end_date = "until" }"#;

fn text_of<'b>(
    place: &str,
    bytes: &'b [u8],
    config: &RosterFileConfig,
) -> Result<std::borrow::Cow<'b, str>, SourceError> {
    text_within(place, bytes, config, domain::limits::ROSTER_FILE_BYTES_MAX, &mut vec![])
}

fn rows(more: &str, rows: &str) -> Result<Gathered, SourceError> {
    read_with(&format!("{ROW_COLUMNS}\n{more}"), &format!("{ROW}{rows}"))
}

/// One row of Ana's, and when its shift is.
#[track_caller]
fn check(more: &str, row: &str, expected: &str) {
    let gathered = rows(more, &format!("Ana,Late,{row}\n")).unwrap();
    assert_eq!(shifts(&gathered)[0].interval.to_string(), expected, "{row}");
}

#[test]
fn times_are_read_as_they_are_declared() {
    let night = "2026-11-29T21:00:00Z/2026-11-30T05:00:00Z";
    check("", "2026-11-29,10:00 PM,6:00 AM,,", night);
    check("", "2026-11-29,10pm,6 a.m.,,", night);
    check("", "2026-11-29,10:00\u{202f}PM,06:00 am,,", night);
    check("", "2026-11-29,22:00,,480,", night);
    check("", "2026-11-29,22:00,,8:00,", night);
    check("", "2026-11-29,22:00,,7h 60m,", night);
    check("length_unit = \"hours\"", "2026-11-29,22:00,,8.0,", night);
    check("time_format = \"minutes\"", "2026-11-29,1320,360,,", night);
    check("time_format = \"minutes\"", "2026-11-29,1320,1800,,", night);
    check("time_format = \"hours\"", "2026-11-29,22.0,6,,", night);
    check("time_format = \"hours\"", "2026-11-29,\"22,0\",\"30,0\",,", night);
    check("time_format = \"hhmm\"", "2026-11-29,2200,0600,,", night);
    check("time_format = \"%H.%M\"", "2026-11-29,22.00,06.00,,", night);
    check("date_format = \"%m/%d/%Y\"", "11/29/2026,10:00 PM,6:00 AM,,", night);
    check("date_format = \"%d.%m.%Y\"", ",29.11.2026 22:00,30.11.2026 06:00,,", night);
    check("date_format = \"%m/%d/%Y\"", ",11/29/2026 10:00 PM,11/30/2026 6:00 AM,,", night);
    check("date_format = \"%d %b %Y\"", ",29 Nov 2026 22:00,30 Nov 2026 06:00,,", night);
    check("date_format = \"excel\"", "46355,22:00,06:00,,", night);
    check("date_format = \"excel\"", ",46355.9166666667,46356.25,,", night);
    check("date_format = \"days since 2026-11-23\"", "6,22:00,06:00,,", night);
    check("activity_times = { Late = \"22:00-06:00\" }", "2026-11-29,,,,", night);
    check("activity_times = { Late = \"22:00\" }", "2026-11-29,,,480,", night);
}

#[test]
fn noon_and_midnight_are_where_people_put_them() {
    let read = |text: &str| moment(text, &DateFormat::Iso, &TimeFormat::Clock);
    let time = |hour, minute| Some(Moment::Time(Time::constant(hour, minute, 0, 0)));
    assert_eq!(read("12:00 AM"), time(0, 0));
    assert_eq!(read("12:30 PM"), time(12, 30));
    assert_eq!(read("1 PM"), time(13, 0));
    for nonsense in ["13:00 PM", "0:30 AM", "10", "10:0", "22:00 Uhr", "25:00", "1:2:3:4", ""] {
        assert_eq!(read(nonsense), None, "{nonsense:?}");
    }
}

#[test]
fn a_format_that_makes_no_sense_is_refused_with_what_would() {
    let refused = |more: &str, key: &str, says: &str| {
        let error = config(&format!("{ROW_COLUMNS}\n{more}")).validate().unwrap_err().to_string();
        assert!(error.contains(key) && error.contains(says), "{error}");
    };
    refused("date_format = \"%d.%m.\"", "date_format", "`excel`");
    refused("date_format = \"days since monday\"", "date_format", "is no day");
    refused("time_format = \"%M\"", "time_format", "`hhmm`");
    refused("activity_times = { N = \"night\" }", "activity_times", "`08:00-16:00`");
    refused("marker = \"/\"", "marker", "suffix");
    let none = "columns = { employee = \"who\", start = \"from\" }";
    let error = config(none).validate().unwrap_err().to_string();
    assert!(error.contains("neither `end` nor `length`"), "{error}");
}

#[test]
fn what_cannot_be_read_is_pointed_at_with_what_was_expected() {
    let found = &faults(rows("time_format = \"hhmm\"", "Ana,Late,2026-11-29,22:00,0600,,\n"))[0];
    let (start, end) = found.field.unwrap();
    assert_eq!(&found.text[start..end], "22:00");
    assert_eq!(found.message, "`22:00` is no time; expected four digits, like `0830`");
    let found = &faults(rows("", "Ana,Late,29.11.2026,22:00,06:00,,\n"))[0];
    assert!(found.hint.as_ref().unwrap().contains("date_format"), "{found:?}");
    let found = &faults(rows("", "Ana,Late,2026-11-29,22:00,,soon,\n"))[0];
    assert!(found.message.contains("`soon` is no length"), "{found:?}");
    let table = "activity_times = { Early = \"06:00-14:00\" }";
    let found = &faults(rows(table, "Ana,Late,2026-11-29,,,,\n"))[0];
    assert_eq!(found.hint.as_deref(), Some("`activity_times` has none for `Late`"));
}

#[test]
fn a_full_day_is_an_absence_of_whole_days() {
    let text = "Ana,Vacation,2026-12-24,Full Day,,,2026-12-26\nBo,Sick,2026-12-24,ganztags,,,\n\
                Cy,Training,2026-12-24,09:00,17:00,,\n";
    let gathered = rows("time_off_codes = [\"Training\"]", text).unwrap();
    let spans: Vec<_> = gathered
        .entities
        .iter()
        .filter_map(|it| match &it.entity {
            Entity::TimeOff(it) => Some((it.reason.clone().unwrap().to_string(), it.span.clone())),
            _ => None,
        })
        .collect();
    let days = |first: i8, end: i8| TimeOffSpan::AllDay {
        first: date(2026, 12, first),
        end: date(2026, 12, end),
        zone: "Europe/Berlin".to_owned(),
    };
    assert_eq!(spans[0], ("Vacation".to_owned(), days(24, 27)));
    assert_eq!(spans[1], ("Sick".to_owned(), days(24, 25)));
    assert!(matches!(&spans[2], (reason, TimeOffSpan::Timed(_)) if reason == "Training"));
    assert!(shifts(&gathered).is_empty());
}

#[test]
fn a_report_with_titles_sums_and_repeated_headers_is_read() {
    let text = format!(
        "Schedule report\nGenerated,2026-11-20\n\n{ROW}Ana,Late,2026-11-29,22:00,06:00,,\n\
         Subtotal Ana,,,,,8:00,\n{ROW}Bo,Late,2026-11-29,22:00,06:00,,\nTotal: 2\n\
         Summe,,,,,16:00,\n"
    );
    let gathered = read_with(ROW_COLUMNS, &text).unwrap();
    assert_eq!(shifts(&gathered).len(), 2);
    let note = gathered.notes.last().unwrap();
    assert!(note.message.starts_with("4 rows are sums"), "{note:?}");
    // Somebody of that name who works is no sum.
    let works = rows("", "Total,Late,2026-11-29,22:00,06:00,,\n").unwrap();
    assert_eq!(shifts(&works).len(), 1);
    // With other words, those of before are names again.
    let fault = &faults(rows("sum_words = [\"Zusammen\"]", "Total,,,,,8:00,\n"))[0];
    assert!(fault.message.contains("is empty"), "{fault:?}");
}

fn sheet() -> Vec<u8> {
    let names = [("A1", "who"), ("B1", "what"), ("C1", "day"), ("D1", "from"), ("E1", "to")];
    let header = names.map(|(at, text)| text_cell(at, text)).concat();
    // The night of the change of clocks: 46320 is 2026-10-25. Row 3 leaves cells out.
    let night = [
        text_cell("A2", "Ana, the first"),
        text_cell("B2", "Night"),
        number_cell("C2", 1, "46319"),
        number_cell("D2", 2, "0.9166666666666666"),
        number_cell("E2", 2, "0.25"),
    ]
    .concat();
    let both = [
        text_cell("A4", "Bo"),
        number_cell("D4", 3, "46355.333333333336"),
        number_cell("E4", 3, "46355.666666666664"),
    ]
    .concat();
    workbook(&format!(
        "<row r=\"1\">{header}</row><row r=\"2\">{night}</row><row r=\"4\">{both}</row>"
    ))
}

#[test]
fn a_sheet_is_read_as_the_table_that_it_shows() {
    let columns = r#"columns = { employee = "who", activity = "what", date = "day",
        start = "from", end = "to" }"#;
    let config = config(columns);
    let book = sheet();
    let text = text_of("plan.xlsx", &book, &config).unwrap();
    let rules = Rules::of(&config).unwrap();
    let gathered = gather(&[("plan.xlsx", &text)], vec![], (&config, &rules), &always()).unwrap();
    let read: Vec<_> = shifts(&gathered)
        .iter()
        .map(|it| (it.employee.to_string(), it.label.clone(), it.interval.to_string()))
        .collect();
    let night = "2026-10-24T20:00:00Z/2026-10-25T05:00:00Z";
    let day = "2026-11-29T07:00:00Z/2026-11-29T15:00:00Z";
    assert_eq!(read[0], ("Ana, the first".to_owned(), "Night".to_owned(), night.to_owned()));
    assert_eq!(read[1], ("Bo".to_owned(), "Work".to_owned(), day.to_owned()));
    let places: Vec<&str> = gathered.entities.iter().map(|it| it.at.0.as_str()).collect();
    assert!(places.contains(&"plan.xlsx:4"), "the row of the sheet: {places:?}");
}

#[test]
fn a_hostile_sheet_is_refused_before_it_fills_the_memory() {
    let columns = r#"columns = { employee = "who", start = "from", end = "to" }"#;
    let read = |bytes: &[u8]| {
        text_of("plan.xlsx", bytes, &config(columns)).map(|it| it.len()).unwrap_err().to_string()
    };
    let wide = workbook(&format!("<row r=\"1\">{}</row>", text_cell("XFD1", "x")));
    assert!(read(&wide).contains("reaches column 16384; expected at most 512"), "{}", read(&wide));
    let row =
        |number: u8, cell: &str| format!("<row r=\"{number}\">{}</row>", text_cell(cell, "x"));
    let back = row(5, "A5") + &row(2, "A2");
    assert!(read(&workbook(&back)).contains("row 2 stands after row 5"));
    assert!(read(b"PK\x03\x04 and nothing more").contains("it is cut off, or no .xlsx"));
    assert!(read(b"who,from,to\n").contains("it is cut off, or no .xlsx"));
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let packed = SimpleFileOptions::default();
    zip.start_file("xl/worksheets/sheet1.xml", packed).unwrap();
    zip.write_all(&vec![b'x'; 3_000_000]).unwrap();
    let bomb = zip.finish().unwrap().into_inner();
    assert!(bomb.len() < 20_000);
    assert!(bounded(&bomb, 2_000_000).unwrap_err().contains("unpacked it has more than"));
    assert!(bounded(&bomb, 3_000_000).is_ok());
    let mut other = config(columns);
    other.sheet = Some("Dienstplan".to_owned());
    let error = text_of("plan.xlsx", &sheet(), &other).unwrap_err().to_string();
    assert!(error.contains("it has no sheet `Dienstplan`; it has `Plan`"), "{error}");
}

#[test]
fn a_sheet_that_announces_more_than_it_holds_is_refused() {
    let strings = |before: &str, count: &str| {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("xl/SharedStrings.xml", SimpleFileOptions::default()).unwrap();
        let texts = "<si><t>x</t></si>".repeat(3);
        let text = format!("<?xml version=\"1.0\"?>{before}<sst {count}>{texts}</sst>");
        zip.write_all(text.as_bytes()).unwrap();
        bounded(&zip.finish().unwrap().into_inner(), 3_000_000)
    };
    assert_eq!(strings("", "count=\"900\" uniqueCount=\"3\""), Ok(()));
    assert_eq!(strings("", ""), Ok(()));
    let far = format!("<!--{}-->", " ".repeat(200_000));
    for count in ["uniqueCount=\"99999999999\"", "uniqueCount = '+99999999999999999999999'"] {
        for before in ["", &far] {
            let refused = strings(before, count).unwrap_err();
            assert!(refused.contains("shared texts and has room for"), "{refused}");
        }
    }
}

#[test]
fn a_small_sheet_that_becomes_a_large_text_is_refused_at_the_limit() {
    let columns = r#"columns = { employee = "who", start = "from", end = "to" }"#;
    let text = |book: &[u8], most| {
        text_within("plan.xlsx", book, &config(columns), most, &mut vec![])
            .map(|it| it.len() as u64)
    };
    let row = |number: u32| {
        format!("<row r=\"{number}\">{}</row>", text_cell(&format!("A{number}"), &"x".repeat(500)))
    };
    let book = workbook(&(1..=50).map(row).collect::<String>());
    let whole = text(&book, 1_000_000).unwrap();
    assert!(text(&book, 10_000).unwrap_err().to_string().contains("as text it and the files"));
    // Empty cells at the end of rows become text only when all rows are known.
    let wide = format!("<row r=\"51\">{}</row>", text_cell("SA51", "x"));
    let book = workbook(&((1..=50).map(row).collect::<String>() + &wide));
    assert!(text(&book, 1_000_000).unwrap() > whole + 20_000);
    assert!(text(&book, whole + 10_000).is_err());
}

#[test]
fn keys_that_do_nothing_or_contradict_each_other_are_refused() {
    let check = |path: &str, more: &str, expected: &str| {
        let columns = r#"columns = { employee = "who", start = "from", end = "to" }"#;
        let text = format!("path = \"{path}\"\n{columns}\n{more}");
        let config: RosterFileConfig = toml::from_str(&text).unwrap();
        match config.validate() {
            Ok(()) => assert_eq!(expected, "", "{path} {more}"),
            Err(error) => {
                assert!(!expected.is_empty() && error.to_string().contains(expected), "{error}");
            }
        }
    };
    check("exports/*.csv", "archive = \"exports\"", "`exports` lies where `exports/*.csv` looks");
    check("./exports/*.csv", "archive = \"exports\"", "read again as new ones");
    check("**/*.csv", "archive = \"done\"", "read again as new ones");
    check("*/*.csv", "archive = \"done\"", "read again as new ones");
    check("exports/*.csv", "archive = \"exports/done\"", "");
    check("exports/*.csv", "archive = \"done\"", "");
    check("x.csv", "day_off_codes = [\"F\"]", "`day_off_codes`: is about values of `columns");
    check("x.csv", "time_off_codes = [\"U\"]", "`time_off_codes`: is about values of `columns");
    check("x.csv", "sheet = \"Plan\"", "`sheet`: `x.csv` matches no Excel file");
    check("x.*", "sheet = \"Plan\"", "");
    check("x.csv", "marker = \"done\"", "`marker`: `done` is no suffix");
    let both = "columns.activity = \"what\"";
    let text = format!(
        "path = \"x.csv\"\nday_off_codes = [\"F\"]\ntime_off_codes = [\"U\", \"F\"]\n\
         columns.employee = \"who\"\ncolumns.start = \"from\"\ncolumns.end = \"to\"\n{both}"
    );
    let config: RosterFileConfig = toml::from_str(&text).unwrap();
    let error = config.validate().unwrap_err().to_string();
    assert!(error.contains("`F` stands in `time_off_codes` too"), "{error}");
}

const CALENDAR: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n\
    BEGIN:VEVENT\r\nUID:1@x\r\nDTSTAMP:20260101T000000Z\r\nSUMMARY:Late, and more\r\n\
    DTSTART;TZID=Europe/Berlin:20261024T220000\r\n\
    DTEND;TZID=Europe/Berlin:20261025T060000\r\nEND:VEVENT\r\n\
    BEGIN:VEVENT\r\nUID:2@x\r\nDTSTAMP:20260101T000000Z\r\nSUMMARY:Vacation\r\n\
    DTSTART;VALUE=DATE:20261224\r\nDTEND;VALUE=DATE:20261227\r\nEND:VEVENT\r\n\
    END:VCALENDAR\r\n";

#[test]
fn a_calendar_is_read_as_the_roster_of_whom_it_is_named_after() {
    let columns = r#"columns = { employee = "file", activity = "summary", start = "start",
        end = "end", date = "date", end_date = "end_date", id = "uid" }"#;
    let config = config(columns);
    let text = text_of("exports/ana.ics", CALENDAR.as_bytes(), &config).unwrap();
    let rules = Rules::of(&config).unwrap();
    let gathered =
        gather(&[("exports/ana.ics", &text)], vec![], (&config, &rules), &always()).unwrap();
    let shift = shifts(&gathered)[0];
    assert_eq!((shift.employee.as_str(), shift.id.as_str()), ("ana", "1@x"));
    assert_eq!(shift.interval.to_string(), "2026-10-24T20:00:00Z/2026-10-25T05:00:00Z");
    assert_eq!(shift.label, "Late, and more");
    let off = gathered.entities.iter().find_map(|it| match &it.entity {
        Entity::TimeOff(it) => Some(it.span.clone()),
        _ => None,
    });
    let zone = "Europe/Berlin".to_owned();
    let days = TimeOffSpan::AllDay { first: date(2026, 12, 24), end: date(2026, 12, 27), zone };
    assert_eq!(off, Some(days));
    let again = CALENDAR.replace("SUMMARY:Vacation", "RRULE:FREQ=DAILY\r\nSUMMARY:Vacation");
    let error = text_of("ana.ics", again.as_bytes(), &config).unwrap_err();
    let SourceError::BadRows { faults, .. } = error else { panic!("{error}") };
    assert_eq!(faults[0].place, "ana.ics, event 2");
    assert!(faults[0].message.contains("repeats by a rule"));
    // Left out by choice: the others are taken, and nothing is deleted for being absent.
    let config = super::config(&format!("{columns}\non_bad_row = \"skip\""));
    let mut bad = Vec::new();
    let text = text_within("ana.ics", again.as_bytes(), &config, 10_000, &mut bad).unwrap();
    let gathered = gather(&[("ana.ics", &text)], bad, (&config, &rules), &always()).unwrap();
    assert_eq!((shifts(&gathered).len(), gathered.absence), (1, Absence::MeansNothing));
    assert_eq!(gathered.skipped.len(), 1);
    assert_eq!(gathered.skipped[0].place, "ana.ics, event 2");
}

#[test]
fn a_file_as_german_excel_writes_it_is_proposed_with_its_encoding() {
    let bytes = b"Personalnummer;Datum;Von;Bis;Schicht\n17;29.11.2026;06:00;14:00;Fr\xfch\n";
    let proposal = propose("plan.csv", bytes, "Europe/Berlin").unwrap();
    assert!(proposal.settings.contains(&("encoding", "\"windows-1252\"".to_owned())));
    assert!(proposal.remarks.iter().any(|it| it.contains("Windows-1252")), "{proposal:#?}");
    assert!(proposal.rows[0].contains("`Fr\u{fc}h`"), "{proposal:#?}");
    let utf16: Vec<u8> = "\u{feff}Personalnummer\tDatum\tVon\tBis\n17\t29.11.2026\t06:00\t14:00\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let proposal = propose("plan.txt", &utf16, "Europe/Berlin").unwrap();
    assert!(proposal.settings.iter().all(|it| it.0 != "encoding"), "{proposal:#?}");
    assert_eq!(proposal.counts.first().map(|it| it.1), Some(1), "{proposal:#?}");
}

#[track_caller]
fn proposed(text: &str, settings: &[(&str, &str)], first: &str) {
    let proposal = propose("plan.csv", text.as_bytes(), "Europe/Berlin").unwrap();
    let found: Vec<(&str, &str)> =
        proposal.settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    assert_eq!(found, settings, "{proposal:#?}");
    assert!(proposal.faults.is_empty(), "{proposal:#?}");
    assert_eq!(proposal.rows.first().map(String::as_str), Some(first), "{proposal:#?}");
}

#[test]
fn a_mapping_is_proposed_from_names_and_values() {
    proposed(
        "Agent Name;Datum;Von;Bis;Schicht\nAna;29.11.2026;22:00;06:00;Nacht\n",
        &[("date_format", "\"%d.%m.%Y\"")],
        "plan.csv:2: `Ana` works `Nacht`, Sun 2026-11-29 22:00 to Mon 2026-11-30 06:00",
    );
    proposed(
        "Report\n\nEmployee ID,Work Date,Start Time,End Time,Activity\n\
         7,11/29/2026,10:00 PM,6:00 AM,Night\nTotal,,,,\n",
        &[("date_format", "\"%m/%d/%Y\"")],
        "plan.csv:4: `7` works `Night`, Sun 2026-11-29 22:00 to Mon 2026-11-30 06:00",
    );
    proposed(
        "user,day,start_min,end_min\nana,2026-11-29,1320,360\nbo,2026-11-29,480,960\n",
        &[("time_format", "\"minutes\"")],
        "plan.csv:2: `ana` works `Work`, Sun 2026-11-29 22:00 to Mon 2026-11-30 06:00",
    );
    proposed(
        "staff\tdate\tstart\thours\tcode\nana\t2026-11-29\t0800\t7.5\tDay\n\
         bo\t2026-12-24\tFull Day\t\tLeave\n",
        &[("time_format", "\"hhmm\""), ("length_unit", "\"hours\""), ("delimiter", "\"tab\"")],
        "plan.csv:2: `ana` works `Day`, Sun 2026-11-29 08:00 to Sun 2026-11-29 15:30",
    );
    let twins = "employee,date,start,end\nana,03/04/2026,08:00,16:00\n";
    let proposal = propose("plan.csv", twins.as_bytes(), "Europe/Berlin").unwrap();
    assert!(proposal.remarks[0].contains("tells `%d/%m/%Y` from `%m/%d/%Y`"), "{proposal:#?}");
}

#[test]
fn every_published_roster_is_readable_by_the_mapping_that_is_proposed() {
    let base = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/rosters");
    let files = [
        ("inrc2_normalised.csv", 1_000, false),
        ("nrp/Instance1.normalised.csv", 50, false),
        ("nrp/Instance24.normalised.csv", 10_000, false),
        ("nrp/Instance1.solution.csv", 50, true),
        ("nrp/Instance24.solution.csv", 10_000, true),
    ];
    for (name, least, assumes) in files {
        let Ok(bytes) = std::fs::read(base.join(name)) else {
            println!("skipped: `shared/rosters/{name}` is not beside the repository");
            continue;
        };
        let proposal = propose(name, &bytes, "Europe/Berlin").unwrap();
        assert!(proposal.faults.is_empty(), "{name}: {proposal:#?}");
        assert_eq!(proposal.rows.len(), 3, "{name}: {proposal:#?}");
        assert_eq!(!proposal.remarks.is_empty(), assumes, "{name}: {proposal:#?}");
        let shifts = proposal.counts.iter().find(|it| it.0 == "shifts").map_or(0, |it| it.1);
        let lines = bytes.iter().filter(|it| **it == b'\n').count() - 1;
        assert!(shifts >= least.min(lines) && shifts <= lines, "{name}: {shifts} of {lines}");
    }
}

fn any_time() -> impl Strategy<Value = Time> {
    (0_i8..24, 0_i8..60).prop_map(|(hour, minute)| Time::constant(hour, minute, 0, 0))
}

/// Ordinary days, and those on which something happens: changes of clocks, a leap day, New Year.
fn any_day() -> impl Strategy<Value = Date> {
    let special = [
        date(2026, 3, 29),
        date(2026, 10, 25),
        date(2028, 2, 28),
        date(2028, 2, 29),
        date(2026, 12, 31),
        date(2027, 1, 1),
        date(2026, 10, 24),
        date(2026, 3, 28),
    ];
    prop_oneof![
        proptest::sample::select(special.to_vec()),
        (0_i64..36_500).prop_map(|days| date(1990, 1, 1).checked_add(days.days()).unwrap()),
    ]
}

proptest! {
    #[test]
    fn a_time_is_the_same_however_it_is_written(time in any_time()) {
        let expected = Some(Moment::Time(time));
        let minutes = i64::from(time.hour()) * 60 + i64::from(time.minute());
        let (hour, half) = match time.hour() {
            0 => (12, "AM"),
            hour @ 1..=11 => (hour, "am"),
            12 => (12, "p.m."),
            hour => (hour - 12, "PM"),
        };
        for (text, format) in [
            (format!("{:02}:{:02}", time.hour(), time.minute()), TimeFormat::Clock),
            (format!("{hour}:{:02} {half}", time.minute()), TimeFormat::Clock),
            (format!("{hour}:{:02}{half}", time.minute()), TimeFormat::Clock),
            (minutes.to_string(), TimeFormat::Minutes),
            (format!("{:02}{:02}", time.hour(), time.minute()), TimeFormat::Compact),
            (format!("{}", minutes as f64 / 60.0), TimeFormat::Hours),
            (format!("{:.4}", minutes as f64 / 60.0).replace('.', ","), TimeFormat::Hours),
            (format!("{:02}.{:02}", time.hour(), time.minute()), "%H.%M".parse().unwrap()),
        ] {
            prop_assert_eq!(moment(&text, &DateFormat::Iso, &format), expected, "{}", text);
        }
    }

    #[test]
    fn a_day_is_the_same_however_it_is_written(day in any_day()) {
        for format in ["%d.%m.%Y", "%m/%d/%Y", "%Y%m%d", "%d %b %Y"] {
            let text = jiff::fmt::strtime::format(format, day).unwrap();
            let format: DateFormat = format.parse().unwrap();
            prop_assert_eq!(format.read(&text), Some(day));
        }
        let serial = i64::from((day - date(1899, 12, 30)).get_days());
        prop_assert_eq!(DateFormat::Serial.read(&serial.to_string()), Some(day));
        let since = i64::from((day - date(1980, 1, 1)).get_days());
        let format = DateFormat::DaysSince(date(1980, 1, 1));
        prop_assert_eq!(format.read(&since.to_string()), Some(day));
    }

    #[test]
    fn a_length_is_the_same_however_it_is_written(minutes in 0_i64..6_000) {
        let expected = SignedDuration::from_mins(minutes);
        let clock = format!("{}:{:02}", minutes / 60, minutes % 60);
        prop_assert_eq!(length(&minutes.to_string(), LengthUnit::Minutes), Some(expected));
        prop_assert_eq!(length(&clock, LengthUnit::Hours), Some(expected));
        let hours = format!("{:.5}", minutes as f64 / 60.0);
        let read = length(&hours, LengthUnit::Hours).unwrap();
        prop_assert!((read - expected).abs() <= SignedDuration::from_secs(1));
    }

    #[test]
    fn whatever_is_written_nothing_breaks(text in ".{0,40}", format in 0_usize..5) {
        let times = [TimeFormat::Clock, TimeFormat::Minutes, TimeFormat::Hours, TimeFormat::Compact,
            "%H.%M".parse().unwrap()];
        for dates in [DateFormat::Iso, DateFormat::Serial, "%d.%m.%Y".parse().unwrap()] {
            let _ = moment(&text, &dates, &times[format]);
            let _ = dates.read(&text);
        }
        let _ = length(&text, LengthUnit::Hours);
        let _ = propose("x.csv", text.as_bytes(), "Europe/Berlin");
    }

    #[test]
    fn a_shift_by_its_length_lasts_as_long_as_it_says_on_every_night(
        day in any_day(), start in any_time(), minutes in 1_i64..1_440,
    ) {
        let row = format!("Ana,Late,{day},{:02}:{:02},,{minutes},\n", start.hour(), start.minute());
        let gathered = rows("", &row).unwrap();
        let interval = shifts(&gathered)[0].interval;
        prop_assert_eq!(interval.duration().as_secs(), minutes.unsigned_abs() * 60);
    }

    #[test]
    fn whole_days_are_from_midnight_to_midnight_there(day in any_day(), days in 0_i64..40) {
        let last = day.checked_add(days.days()).unwrap();
        let row = format!("Ana,Leave,{day},All Day,,,{last}\n");
        let gathered = rows("", &row).unwrap();
        let span = gathered.entities.iter().find_map(|it| it.entity.interval()).unwrap();
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let end = last.tomorrow().unwrap();
        prop_assert_eq!(span, days_to_interval(day, end, &zone).unwrap());
    }
}

#[test]
fn a_cell_that_is_a_hair_before_the_minute_is_the_minute() {
    let columns = r#"columns = { employee = "who", start = "from", end = "to" }"#;
    let header = [text_cell("A1", "who"), text_cell("B1", "from"), text_cell("C1", "to")].concat();
    let row = [
        text_cell("A2", "Ana"),
        // 2026-11-29 22:00 and midnight, as floating point leaves them.
        number_cell("B2", 3, "46355.916666666664"),
        number_cell("C2", 3, "46355.999999999993"),
    ]
    .concat();
    let book = workbook(&format!("<row r=\"1\">{header}</row><row r=\"2\">{row}</row>"));
    let text = text_of("plan.xlsx", &book, &config(columns)).unwrap();
    assert_eq!(text.lines().nth(1), Some("Ana,2026-11-29T22:00:00,2026-11-30T00:00:00"));
    let at: Timestamp = "2026-11-29T21:00:00Z".parse().unwrap();
    let (config, files) = (config(columns), [("plan.xlsx", &*text)]);
    let gathered =
        gather(&files, vec![], (&config, &Rules::of(&config).unwrap()), &always()).unwrap();
    assert_eq!(shifts(&gathered)[0].interval.start(), at);
}
