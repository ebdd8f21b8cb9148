//! The kill trial: which items stay wrong after a sync was killed and a newer edit came.
//!
//! 100 items are there; all are edited; the sync is killed (`kill -9`) at a random moment of its
//! writes; all are edited again; a sync runs to its end. There is one writer, so nothing is in
//! conflict, and all items should be as in the last edit. Every trial of ours goes on where the
//! last one ended; vdirsyncer's starts afresh, because what it left stays wrong until a person
//! acts. The server takes 5 ms for each write, so that there is time to kill in.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::product::Installation;
use crate::report::{Report, Row, Trouble};
use crate::sample::Csv;
use crate::stub::Stub;
use crate::vdirsyncer::Vdirsyncer;
use crate::{Setting, machine, tools};

const ITEMS: usize = 100;
const OUR_TRIALS: usize = 50;
const OTHER_TRIALS: usize = 10;
const POLL: Duration = Duration::from_micros(500);
const CALENDAR: &str = "e0";

/// What became of some trials.
#[derive(Debug, Default)]
struct Tally {
    trials: usize,
    applied: usize,
    wrong: usize,
    wrong_trials: usize,
    duplicates: usize,
}

impl Tally {
    fn add(&mut self, applied: usize, after: &Found) {
        self.trials += 1;
        self.applied += applied;
        self.wrong += ITEMS.saturating_sub(after.right);
        self.wrong_trials += usize::from(after.right != ITEMS);
        self.duplicates += after.all.saturating_sub(ITEMS);
    }

    fn show(&self) -> String {
        let Self { trials, applied, wrong, wrong_trials, duplicates } = self;
        format!(
            "{trials} kills, {applied} items written before them: {wrong} items wrong afterwards, \
             in {wrong_trials} trials; {duplicates} duplicates"
        )
    }
}

/// Measures.
pub fn run(_: &Setting) -> Result<Report, Trouble> {
    let program = tools::of_python("vdirsyncer")?;
    let mut dice = Dice(0x5eed_cafe);
    let ours = ours(&mut dice)?;
    let mut other = Tally::default();
    for _ in 0..OTHER_TRIALS {
        trial_of_other(&mut dice, &mut other)?;
    }
    let met = ours.wrong == 0 && ours.duplicates == 0;
    let beside = format!("vdirsyncer: {}", other.show());
    let what = "killed while writing changes, then a newer edit";
    let row = Row::fact(what, ours.show(), beside, "nothing wrong in 50", met);
    let note = format!(
        "vdirsyncer {} without a conflict policy, as it comes. Its items that are wrong are in \
         conflict, and stay so.",
        machine::version(&program, "--version"),
    );
    Ok(Report { rows: vec![row], notes: vec![note] })
}

/// Chance with a seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) >> 33).unwrap_or(0) % limit
    }
}

fn ours(dice: &mut Dice) -> Result<Tally, Trouble> {
    let folder = tempfile::tempdir()?;
    let mut stub = slow_stub()?;
    let installation = Installation::new(folder.path(), &stub.server(), None)?;
    let base = Csv::new(1, ITEMS)?;
    let edit = |version: usize| installation.put_roster(&base.with_notes(&mark(version)));
    edit(0)?;
    installation.sync()?;
    let mut tally = Tally::default();
    for trial in 0..OUR_TRIALS {
        edit(trial * 2 + 1)?;
        kill_while_writing(installation.command(&["sync"]), &mut stub, dice)?;
        let applied = found(&mut stub, &mark(trial * 2 + 1))?.right;
        edit(trial * 2 + 2)?;
        installation.sync()?;
        tally.add(applied, &found(&mut stub, &mark(trial * 2 + 2))?);
    }
    Ok(tally)
}

fn trial_of_other(dice: &mut Dice, tally: &mut Tally) -> Result<(), Trouble> {
    let folder = tempfile::tempdir()?;
    let mut stub = slow_stub()?;
    let names = [CALENDAR.to_owned()];
    let other = Vdirsyncer::new(folder.path(), &stub.url, &names, None)?;
    let edit = |version: usize| write_files(&other.files(CALENDAR), version);
    edit(0)?;
    other.sync()?;
    edit(1)?;
    kill_while_writing(other.command(&["sync"]), &mut stub, dice)?;
    let applied = found(&mut stub, &mark(1))?.right;
    edit(2)?;
    // It says that it failed; twice, so that what could settle has settled.
    for _ in 0..2 {
        crate::measure::run(&mut other.command(&["sync"]))?;
    }
    tally.add(applied, &found(&mut stub, &mark(2))?);
    Ok(())
}

fn slow_stub() -> Result<Stub, Trouble> {
    let mut stub = Stub::start(&[CALENDAR.to_owned()])?;
    stub.delay_writes(5)?;
    Ok(stub)
}

fn mark(version: usize) -> String {
    format!("edit-{version}-end")
}

/// Kills a sync when the server has seen so many requests as the dice say.
fn kill_while_writing(
    mut command: std::process::Command,
    stub: &mut Stub,
    dice: &mut Dice,
) -> Result<(), Trouble> {
    stub.requests()?;
    let requests = 2 + dice.below(ITEMS - 4);
    let moment = Duration::from_micros(dice.below(5_000) as u64);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    while stub.requests_so_far()? < requests as f64 {
        if child.try_wait()?.is_some() {
            return Err(Trouble::failed("a sync ended before it was killed"));
        }
        std::thread::sleep(POLL);
    }
    std::thread::sleep(moment);
    child.kill()?;
    child.wait()?;
    Ok(())
}

struct Found {
    all: usize,
    right: usize,
}

fn found(stub: &mut Stub, mark: &str) -> Result<Found, Trouble> {
    let folder = tempfile::tempdir()?;
    let all = stub.dump(folder.path(), &[CALENDAR.to_owned()])?;
    let mut right = 0;
    for entry in std::fs::read_dir(folder.path().join(CALENDAR))? {
        let text = std::fs::read_to_string(entry?.path())?;
        right += usize::from(text.contains(mark));
    }
    Ok(Found { all, right })
}

fn write_files(folder: &Path, version: usize) -> Result<(), Trouble> {
    for item in 0..ITEMS {
        let uid = format!("{item:08x}-5b1c-5f6e-9c44-6d3f2a7e9b10");
        let (hour, day) = (6 + item % 12, 1 + item % 28);
        let text = format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//bench//bench//EN\r\nBEGIN:VEVENT\r\n\
             UID:{uid}\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:202601{day:02}T{hour:02}0000Z\r\n\
             DTEND:202601{day:02}T{hour:02}3000Z\r\nSUMMARY:Shift {item}\r\n\
             DESCRIPTION:{}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
            mark(version),
        );
        std::fs::write(folder.join(format!("{uid}.ics")), text)?;
    }
    Ok(())
}
