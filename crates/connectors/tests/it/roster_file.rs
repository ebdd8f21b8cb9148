//! The `roster_file` provider through its port: real rosters, several files, tokens, refusals.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use connectors::{ConnectionContext, registry};
use domain::{ConnectionName, Entity, Shift, SyncWindow, UtcInterval};
use engine::port::{
    Absence, Clock, FindingLevel, Reading, ReadingKind, Source, SourceEntity, SourceError,
};
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

/// The contract's own example.
const CONTRACT: &str = r#"time_zone = "Europe/Berlin", columns = { employee = "employee",
    group = "contract", activity = "shift_code", date = "date", start = "start_local",
    end = "end_local", end_date = "end_date" }"#;

const HEADER: &str = "employee,contract,shift_code,date,start_local,end_local,end_date\n";

#[derive(Debug)]
struct StoppedClock(Timestamp);

#[async_trait]
impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        self.0
    }

    async fn sleep_until(&self, _at: Timestamp) {}
}

/// A source over the files in `base`, as the binary makes it; `keys` is inside an inline table.
pub fn source(base: &Path, now: Timestamp, keys: &str) -> Arc<dyn Source> {
    let section = format!("{{ {keys} }}");
    let section = toml::de::ValueDeserializer::parse(&section).unwrap();
    let descriptor = registry::provider("roster_file").unwrap();
    let config = (descriptor.parse)(section).unwrap();
    config.validate().unwrap();
    let context = ConnectionContext {
        name: ConnectionName::new("exports").unwrap(),
        base: base.to_owned(),
        clock: Arc::new(StoppedClock(now)),
        entropy: Arc::new(testkit::seeded_entropy::SeededEntropy::new(1)),
    };
    config.source(&context).unwrap()
}

pub fn window(from: &str, to: &str) -> SyncWindow {
    let at = |day: &str| format!("{day}T00:00:00Z").parse().unwrap();
    SyncWindow { interval: UtcInterval::new(at(from), at(to)).unwrap() }
}

pub fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub fn entities(reading: &Reading) -> &[SourceEntity] {
    match &reading.kind {
        ReadingKind::Full { entities, .. } => entities,
        other => panic!("expected a full reading, found {other:?}"),
    }
}

pub fn shifts(reading: &Reading) -> Vec<&Shift> {
    entities(reading)
        .iter()
        .filter_map(|it| match &it.entity {
            Entity::Shift(shift) => Some(shift),
            _ => None,
        })
        .collect()
}

/// A folder with files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn contract_source(base: &Path) -> Arc<dyn Source> {
    source(base, Timestamp::UNIX_EPOCH, &format!("path = \"*.csv\", {CONTRACT}"))
}

/// Real rosters, where they are: beside the workspace.
fn rosters() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/rosters");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: {} is not there", folder.display());
    None
}

fn row(number: usize) -> String {
    let day = 1 + number % 28;
    format!("E{},FullTime,Late,2026-10-{day:02},14:30,22:30,\n", number / 28)
}

#[test]
fn a_competition_roster_is_read_shift_by_shift() {
    let Some(folder) = rosters() else { return };
    let keys = format!("path = \"inrc2_normalised.csv\", {CONTRACT}");
    let source = source(&folder, Timestamp::UNIX_EPOCH, &keys);
    let reading = run(source.read(&window("2026-01-01", "2028-01-01"), None)).unwrap();
    let mut found: Vec<(String, String, String, Timestamp, Timestamp)> = shifts(&reading)
        .into_iter()
        .map(|shift| {
            (
                shift.employee.to_string(),
                shift.group.as_ref().unwrap().to_string(),
                shift.label.clone(),
                shift.interval.start(),
                shift.interval.end(),
            )
        })
        .collect();
    assert_eq!(found.len(), 1580);

    // Another way to the same instants.
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let at = |day: &str, time: &str| {
        let (day, time): (Date, Time) = (day.parse().unwrap(), time.parse().unwrap());
        let zoned = day.to_datetime(time).to_zoned(berlin.clone()).unwrap();
        zoned.timestamp()
    };
    let mut rows = csv::Reader::from_path(folder.join("inrc2_normalised.csv")).unwrap();
    let mut expected: Vec<_> = rows
        .records()
        .map(|row| {
            let row = row.unwrap();
            let (start, end) = (at(&row[5], &row[6]), at(&row[8], &row[7]));
            (row[1].to_owned(), row[2].to_owned(), row[4].to_owned(), start, end)
        })
        .collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);

    let mut ids: Vec<_> = shifts(&reading).iter().map(|shift| shift.id.clone()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 1580, "ids are unique");
    assert!(reading.notes.iter().all(|note| !note.message.contains("repeats")));
}

#[test]
fn a_year_of_150_employees_is_read_whole() {
    let Some(folder) = rosters() else { return };
    let keys = r#"path = "nrp/Instance24.normalised.csv", time_zone = "Europe/Berlin",
        columns = { employee = "employee", activity = "shift_code", date = "date",
        start = "start_local", end = "end_local", end_date = "end_date" }"#;
    let source = source(&folder, Timestamp::UNIX_EPOCH, keys);
    let reading = run(source.read(&window("2025-01-01", "2028-01-01"), None)).unwrap();
    assert_eq!(shifts(&reading).len(), 24_897);
    let employees = entities(&reading).iter().filter(|it| matches!(it.entity, Entity::Employee(_)));
    assert_eq!(employees.count(), 150);
}

#[test]
fn several_files_are_one_reading_and_one_bad_row_refuses_all() {
    let folder = folder(&[
        ("b.csv", &format!("{HEADER}{}", row(1))),
        ("a.csv", &format!("{HEADER}{}", row(0))),
    ]);
    let source = contract_source(folder.path());
    let october = window("2026-10-01", "2026-11-01");
    let reading = run(source.read(&october, None)).unwrap();
    let at: Vec<&str> = entities(&reading)[..2].iter().map(|it| it.at.0.as_str()).collect();
    assert_eq!(at, ["a.csv:2", "b.csv:2"]);

    let bad = format!("{HEADER}{}E1,FullTime,Late,2026-10-32,14:30,22:30,\n", row(1));
    std::fs::write(folder.path().join("b.csv"), bad).unwrap();
    let error = run(source.read(&october, None)).unwrap_err();
    assert_eq!(error.to_string(), "1 bad row in `b.csv`; nothing was taken from it");
    let SourceError::BadRows { faults, more: 0, .. } = error else { panic!("{error:?}") };
    assert_eq!((faults[0].line, faults[0].column.as_deref()), (3, Some("date")));
}

#[test]
fn the_same_files_are_unchanged_and_anything_else_is_read_again() {
    let folder = folder(&[("a.csv", &format!("{HEADER}{}", row(0)))]);
    let source = contract_source(folder.path());
    let (october, later) = (window("2026-10-01", "2026-11-01"), window("2026-10-02", "2026-11-02"));
    let first = run(source.read(&october, None)).unwrap();
    let unchanged = |window: &SyncWindow| {
        let reading = run(source.read(window, first.next.as_ref())).unwrap();
        matches!(reading.kind, ReadingKind::Unchanged)
    };
    assert!(unchanged(&october));
    assert!(!unchanged(&later));
    std::fs::write(folder.path().join("b.csv"), HEADER).unwrap();
    assert!(!unchanged(&october));
    std::fs::remove_file(folder.path().join("b.csv")).unwrap();
    assert!(unchanged(&october));
    let keys = format!("path = \"*.csv\", dst_fold = \"later\", {CONTRACT}");
    let other = self::source(folder.path(), Timestamp::UNIX_EPOCH, &keys);
    let reading = run(other.read(&october, first.next.as_ref())).unwrap();
    assert!(matches!(reading.kind, ReadingKind::Full { .. }));
}

#[test]
fn shifts_outside_the_window_are_left_out_and_their_people_are_not() {
    let folder = folder(&[("a.csv", &format!("{HEADER}{}{}", row(0), row(40)))]);
    let source = contract_source(folder.path());
    let reading = run(source.read(&window("2026-10-01", "2026-10-03"), None)).unwrap();
    let keys: Vec<String> =
        entities(&reading)[1..].iter().map(|it| it.entity.key().to_string()).collect();
    assert_eq!(keys, ["employee/E0", "employee/E1", "schedule_group/FullTime"]);
    assert_eq!(shifts(&reading).len(), 1);
}

#[test]
fn no_file_is_never_an_empty_roster_but_a_file_without_rows_is() {
    let october = window("2026-10-01", "2026-11-01");
    let folder = folder(&[]);
    let source = contract_source(folder.path());
    let error = run(source.read(&october, None)).unwrap_err();
    assert!(matches!(error, SourceError::Unreadable { .. }), "{error:?}");
    assert_eq!(error.to_string(), "cannot read `*.csv`: no file matches");
    for text in ["", "\n\n", HEADER, &format!("{HEADER}\n,,,,,,\n")] {
        std::fs::write(folder.path().join("a.csv"), text).unwrap();
        let reading = run(source.read(&october, None)).unwrap();
        let empty = ReadingKind::Full { entities: Vec::new(), absence: Absence::MeansDeleted };
        assert_eq!(reading.kind, empty, "{text:?}");
    }
}

#[test]
fn the_doctor_counts_and_names_what_an_operator_should_look_at() {
    let repeated = format!("{HEADER}{}{}", row(0), row(0));
    let folder = folder(&[("a.csv", &repeated)]);
    let modified = std::fs::metadata(folder.path().join("a.csv")).unwrap().modified();
    let modified = Timestamp::try_from(modified.unwrap()).unwrap();
    let keys = r#"path = "*.csv", time_zone = "Europe/Berlin", columns = { employee = "employee",
        date = "date", start = "start_local", end = "end_local" }"#;
    let say = |now: Timestamp| -> Vec<(FindingLevel, String)> {
        let findings = run(source(folder.path(), now, keys).check());
        assert!(findings.iter().all(|it| it.subject == "connection exports"));
        findings.into_iter().map(|it| (it.level, it.message)).collect()
    };
    let soon = say(modified + Duration::from_secs(3600));
    let expected = [
        (FindingLevel::Good, "1 file: 1 shift, 0 open shifts, 0 absences of 1 employee"),
        (FindingLevel::Good, "local times are in Europe/Berlin"),
        (FindingLevel::Good, "columns that nothing is mapped to: contract, end_date, shift_code"),
        (FindingLevel::Warning, "a.csv:3: repeats a.csv:2 in every column; both count as one"),
    ];
    assert_eq!(soon, expected.map(|(level, text)| (level, text.to_owned())));
    let late = say(modified + Duration::from_secs(75 * 3600));
    assert_eq!(late[0], (FindingLevel::Warning, "`a.csv` was last written 3 days ago".to_owned()));
    std::fs::write(folder.path().join("a.csv"), "employee;date\n").unwrap();
    let broken = say(modified);
    assert_eq!(broken[0].0, FindingLevel::Error);
    assert!(broken[0].1.starts_with("a.csv:1: column `start_local`, which"));
    std::fs::remove_file(folder.path().join("a.csv")).unwrap();
    assert_eq!(
        say(modified),
        [(FindingLevel::Error, "cannot read `*.csv`: no file matches".to_owned())]
    );
}

#[test]
fn a_roster_file_is_no_target_and_says_so() {
    let section = format!("{{ path = \"x\", {CONTRACT} }}");
    let section = toml::de::ValueDeserializer::parse(&section).unwrap();
    let descriptor = registry::provider("roster_file").unwrap();
    assert!((descriptor.parse)(section).is_ok());
    assert!(descriptor.mirrors.is_empty());
    let mut generator = schemars::SchemaGenerator::default();
    (descriptor.schema)(&mut generator);
    let schema = serde_json::to_string(&generator.take_definitions(true)).unwrap();
    assert!(schema.contains("day_off_codes") && schema.contains("earlier"), "{schema}");
}
