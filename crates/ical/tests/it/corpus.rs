//! The public test files of four iCalendar projects: nothing panics, what is valid is accepted.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// Files that their own project calls valid and we refuse, each with the reason.
const REFUSED: [(&str, &str); 1] = [(
    "calendars/timezone_same_start_and_offset.ics",
    "ends with `END:VCALENDARD`: cannot be told from an object that was cut short",
)];

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/ics");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is not there", folder.display());
    None
}

#[test]
fn public_files_never_panic_and_valid_ones_are_accepted() {
    let Some(folder) = folder() else { return };
    let manifest = std::fs::read(folder.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let mut valid = 0;
    let mut wrong = Vec::new();
    for file in manifest["files"].as_array().unwrap() {
        let name = file["file"].as_str().unwrap();
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let _ = ical::lint(&bytes);
        let read = ical::read_object(&bytes);
        if file["upstream"] != "valid" {
            continue;
        }
        valid += 1;
        let refused = REFUSED.iter().any(|(refused, _)| name.ends_with(refused));
        match &read {
            Ok(events) if !refused => {
                let expected = file["vevents"].as_u64().unwrap() as usize;
                if events.len() != expected {
                    wrong.push(format!("{name}: {} of {expected} events", events.len()));
                }
            }
            Ok(_) => wrong.push(format!("{name}: accepted, and listed as refused")),
            Err(_) if refused => {}
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(valid > 100, "only {valid} valid files");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
