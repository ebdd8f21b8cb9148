//! A real roster on real servers: mirrored exactly, left alone when nothing changes, and changed
//! by exactly the writes that a change is worth.

use std::collections::BTreeMap;

use super::chance::Dice;
use super::host::Host;
use super::proxy::Passed;
use super::reader::{Item, assert_same, counted};
use super::roster::{Roster, Writes};
use super::ward::{Ward, assert_writes};

#[test]
fn a_real_roster_on_radicale() {
    let (Some(host), Some(roster)) = (Host::radicale(), Roster::inrc2()) else { return };
    check(&host, roster);
}

#[test]
fn a_real_roster_on_xandikos() {
    let (Some(host), Some(roster)) = (Host::xandikos(), Roster::inrc2()) else { return };
    check(&host, roster);
}

/// First sync, second sync, one per cent changed, once more nothing.
fn check(host: &Host, roster: Roster) {
    let rows = roster.rows.len() as u64;
    let mut ward = Ward::on(&host.url(), roster);
    let employees = ward.roster.employees();
    let line = ward.sync(&[]);
    assert_writes(&line, Writes { created: rows, updated: 0, deleted: 0 });
    assert_eq!(kinds(&host.proxy.take_writes()), [rows, 0, 0], "each item once");
    let first = host.items(&employees);
    assert_same(&counted(first.iter().map(|it| it.look.clone())), &ward.wanted());
    nothing_to_do(&ward, host);

    let part = usize::try_from(rows.div_ceil(500)).unwrap();
    let writes = ward.roster.change(&mut Dice::new(1), part);
    ward.save();
    let line = ward.sync(&[]);
    assert_writes(&line, writes);
    let Writes { created, updated, deleted } = writes;
    let passed = host.proxy.take_writes();
    assert_eq!(kinds(&passed), [created, updated, deleted], "{passed:#?}");
    let second = host.items(&employees);
    assert_same(&counted(second.iter().map(|it| it.look.clone())), &ward.wanted());
    assert_eq!(differences(&first, &second), writes, "nothing else was touched");
    nothing_to_do(&ward, host);
}

/// Neither an ordinary sync nor one that reads everything back sends a write.
#[track_caller]
fn nothing_to_do(ward: &Ward, host: &Host) {
    let none = Writes { created: 0, updated: 0, deleted: 0 };
    for flags in [&[][..], &["--full"]] {
        let line = ward.sync(flags);
        assert_writes(&line, none);
        assert_eq!(line["unchanged"], ward.roster.rows.len());
        assert_eq!(host.proxy.take_writes(), [], "{flags:?}");
    }
}

/// How many writes made something, replaced something, removed something. Making a calendar is
/// none of them. A server may refuse some for the moment (Xandikos answers 423 to a write into a
/// calendar that it is just writing); then, and only then, there is another one.
#[track_caller]
fn kinds(passed: &[Passed]) -> [u64; 3] {
    let items = passed.iter().filter(|it| ["PUT", "DELETE"].contains(&it.method.as_str()));
    let (done, refused): (Vec<&Passed>, Vec<&Passed>) =
        items.partition(|it| it.status.is_some_and(|status| status < 300));
    let locked = refused.iter().all(|it| it.status == Some(423));
    assert!(locked, "refused: {refused:#?}");
    let count = |test: &dyn Fn(&Passed) -> bool| done.iter().filter(|it| test(it)).count() as u64;
    [
        count(&|it| it.method == "PUT" && it.creates),
        count(&|it| it.method == "PUT" && !it.creates),
        count(&|it| it.method == "DELETE"),
    ]
}

/// What became of the objects of a server, by their bytes.
fn differences(before: &[Item], after: &[Item]) -> Writes {
    let by_url = |items: &[Item]| -> BTreeMap<String, String> {
        items.iter().map(|item| (item.url.clone(), item.data.clone())).collect()
    };
    let (before, after) = (by_url(before), by_url(after));
    let changed = |(url, data): &(&String, &String)| before.get(*url).is_some_and(|it| it != *data);
    Writes {
        created: after.keys().filter(|url| !before.contains_key(*url)).count() as u64,
        updated: after.iter().filter(changed).count() as u64,
        deleted: before.keys().filter(|url| !after.contains_key(*url)).count() as u64,
    }
}
