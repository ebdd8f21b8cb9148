//! Files that were taken in leave their folder, whenever the next look at it is.

use std::path::Path;

use domain::SyncWindow;
use engine::port::{
    FindingLevel, Marks, Reading, ReadingKind, Resume, Source, SourceMark, StoreError,
};
use jiff::Timestamp;

use crate::roster_file::{run, shifts, source, window};

const KEYS: &str = r#"path = "drop/*.csv", archive = "done", time_zone = "Europe/Berlin",
    columns = { employee = "who", date = "day", start = "from", end = "to" }"#;
const HEADER: &str = "who,day,from,to\n";

struct NoMarks;

#[async_trait::async_trait]
impl Marks for NoMarks {
    async fn beginning_with(&self, _: &str) -> Result<Vec<SourceMark>, StoreError> {
        Ok(vec![])
    }
}

/// A folder, what reads it, and what the engine keeps.
struct Site {
    folder: tempfile::TempDir,
    kept: Option<Resume>,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("drop")).unwrap();
        Self { folder, kept: None }
    }

    fn drops(&self, name: &str, rows: &str) {
        let path = self.folder.path().join("drop").join(name);
        std::fs::write(path, format!("{HEADER}{rows}")).unwrap();
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let Ok(list) = std::fs::read_dir(self.folder.path().join(folder)) else { return vec![] };
        let mut names: Vec<String> =
            list.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn source(&self) -> std::sync::Arc<dyn Source> {
        source(self.folder.path(), Timestamp::UNIX_EPOCH, KEYS)
    }

    /// Reads as the engine does: a reading of something is taken into the roster, with its token.
    fn reads(&mut self, window: &SyncWindow) -> Result<Reading, String> {
        let source = self.source();
        let reading = run(source.read_on(window, self.kept.as_ref(), &NoMarks));
        let reading = reading.map_err(|it| it.to_string())?;
        if reading.kind != ReadingKind::Unchanged {
            let token = reading.next.clone().unwrap();
            self.kept = Some(Resume { token, window: Some(*window), void: false });
        }
        Ok(reading)
    }
}

fn workers(reading: &Reading) -> Vec<String> {
    let mut all: Vec<String> = shifts(reading).iter().map(|it| it.employee.to_string()).collect();
    all.sort();
    all
}

#[test]
fn what_was_taken_in_is_not_read_together_with_what_came_after_it() {
    let mut site = Site::new();
    site.drops("monday.csv", "ana,2026-12-01,08:00,16:00\nbo,2026-12-01,08:00,16:00\n");
    let first = site.reads(&window("2026-11-01", "2027-01-01")).unwrap();
    assert_eq!(workers(&first), ["ana", "bo"]);
    // A day passes until anybody looks again: the window is another, and there is another export.
    site.drops("tuesday.csv", "ana,2026-12-01,09:00,17:00\n");
    let second = site.reads(&window("2026-11-02", "2027-01-02")).unwrap();
    assert_eq!(workers(&second), ["ana"], "the older export is history");
    assert_eq!(site.names("drop"), ["tuesday.csv"]);
    assert_eq!(site.names("done").len(), 2, "one file and the list");
}

#[test]
fn files_move_although_the_window_has_moved_since() {
    let mut site = Site::new();
    site.drops("a.csv", "ana,2026-12-01,08:00,16:00\n");
    site.reads(&window("2026-11-01", "2027-01-01")).unwrap();
    let again = site.reads(&window("2026-11-02", "2027-01-02")).unwrap();
    assert_eq!(workers(&again), ["ana"], "it is still the schedule, in another window");
    assert!(site.names("drop").is_empty());
    let quiet = site.reads(&window("2026-11-02", "2027-01-02")).unwrap();
    assert_eq!(quiet.kind, ReadingKind::Unchanged);
}

#[test]
fn files_move_although_people_are_described_otherwise_since() {
    let mut site = Site::new();
    let window = window("2026-11-01", "2027-01-01");
    site.drops("a.csv", "ana,2026-12-01,08:00,16:00\n");
    site.reads(&window).unwrap();
    site.drops("b.csv", "bo,2026-12-01,08:00,16:00\n");
    site.kept.as_mut().unwrap().void = true;
    assert_eq!(workers(&site.reads(&window).unwrap()), ["bo"]);
    // What was not taken in yet stays, whatever the token says of others.
    assert_eq!(site.names("drop"), ["b.csv"]);
}

#[test]
fn a_file_that_was_not_taken_in_does_not_move() {
    let mut site = Site::new();
    let window = window("2026-11-01", "2027-01-01");
    site.drops("a.csv", "ana,2026-12-01,08:00,16:00\n");
    let reading = run(site.source().read_on(&window, None, &NoMarks)).unwrap();
    assert_eq!(workers(&reading), ["ana"]);
    // The engine gave up before it committed.
    site.drops("b.csv", "bo,2026-12-01,08:00,16:00\n");
    assert_eq!(workers(&site.reads(&window).unwrap()), ["ana", "bo"]);
    assert_eq!(site.names("drop"), ["a.csv", "b.csv"]);
}

#[test]
fn an_archived_file_that_is_not_what_it_was_is_not_taken_for_the_schedule() {
    let mut site = Site::new();
    let window = window("2026-11-01", "2027-01-01");
    site.drops("a.csv", "ana,2026-12-01,08:00,16:00\n");
    site.reads(&window).unwrap();
    site.reads(&window).unwrap();
    let name = site.names("done").into_iter().find(|it| it.ends_with("a.csv")).unwrap();
    std::fs::write(site.folder.path().join("done").join(&name), HEADER).unwrap();
    let error = site.reads(&window).unwrap_err();
    assert!(error.contains("not the file any more that was archived"), "{error}");
}

#[test]
fn two_exports_that_lie_there_together_are_told() {
    let mut site = Site::new();
    site.drops("a.csv", "ana,2026-12-01,08:00,16:00\n");
    site.drops("b.csv", "bo,2026-12-01,08:00,16:00\n");
    let old = std::fs::File::options();
    let file = old.clone().write(true).open(site.folder.path().join("drop/a.csv")).unwrap();
    let at = file.metadata().unwrap().modified().unwrap();
    file.set_modified(at - std::time::Duration::from_secs(6 * 3600)).unwrap();
    let reading = site.reads(&window("2026-11-01", "2027-01-01")).unwrap();
    assert!(reading.notes[0].message.contains("hours before `drop/b.csv`"), "{:?}", reading.notes);
}

#[test]
fn doctor_says_when_nothing_can_be_archived() {
    let site = Site::new();
    site.drops("a.csv", "ana,2026-12-01,08:00,16:00\n");
    std::fs::write(Path::new(site.folder.path()).join("done"), "a file").unwrap();
    let findings = run(site.source().check());
    let error = findings.iter().find(|it| it.level == FindingLevel::Error).unwrap();
    assert!(error.message.contains("`archive`"), "{error:?}");
}
