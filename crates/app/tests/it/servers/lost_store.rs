//! A lost store is rebuilt from what stands in the calendars, without a write; and everything of
//! ours can be taken away again, without touching what is other people's.

use std::collections::BTreeMap;

use super::chance::Dice;
use super::dav;
use super::host::Host;
use super::reader::{Look, assert_same, counted};
use super::roster::{Roster, Writes};
use super::ward::{MIRROR, Ward, assert_writes};

const NOTHING: Writes = Writes { created: 0, updated: 0, deleted: 0 };
const FOREIGN: usize = 50;

#[test]
fn a_lost_store_is_rebuilt_and_a_purge_spares_what_is_foreign_on_radicale() {
    let (Some(host), Some(roster)) = (Host::radicale(), Roster::inrc2()) else { return };
    check(&host, roster);
}

#[test]
fn a_lost_store_is_rebuilt_and_a_purge_spares_what_is_foreign_on_xandikos() {
    let (Some(host), Some(roster)) = (Host::xandikos(), Roster::inrc2()) else { return };
    check(&host, roster);
}

fn check(host: &Host, roster: Roster) {
    let mut ward = Ward::on(&host.url(), roster.only("n005w4/Solution_H_0"));
    ward.sync(&[]);
    let foreign = put_foreign(host, &ward);
    // Items whose ids no fresh reading of the file would give.
    ward.roster.change(&mut Dice::new(5), 4);
    ward.save();
    ward.sync(&[]);
    host.proxy.take();

    ward.lose_store();
    ward.run("recover", &["--mirror", MIRROR]).exits(0);
    assert_eq!(host.proxy.take_writes(), [], "recover only reads");
    for flags in [&[][..], &["--full"]] {
        let line = ward.sync(flags);
        assert_writes(&line, NOTHING);
        assert_eq!(line["unchanged"], ward.roster.rows.len());
        assert_eq!(host.proxy.take_writes(), [], "{flags:?}");
    }
    assert_same(&ours(host, &ward), &ward.wanted());

    // What was recovered is as good as what was lost.
    let writes = ward.roster.change(&mut Dice::new(6), 3);
    ward.save();
    assert_writes(&ward.sync(&[]), writes);
    assert_same(&ours(host, &ward), &ward.wanted());
    purges(host, &ward, &foreign);
}

/// Everything of ours goes, what is foreign keeps every byte, and a sync brings ours back.
fn purges(host: &Host, ward: &Ward, foreign: &BTreeMap<String, Vec<u8>>) {
    let rows = ward.roster.rows.len();
    let line = ward.run("purge", &["--mirror", MIRROR, "--yes"]).exits(0).json();
    assert_eq!((&line["deleted"], &line["foreign"]), (&rows.into(), &FOREIGN.into()), "{line}");
    assert_eq!(host.items(&ward.roster.employees()).len(), FOREIGN);
    for (url, data) in foreign {
        assert_eq!(dav::get(url).as_ref(), Some(data), "{url}");
    }
    let line = ward.sync(&[]);
    assert_writes(&line, Writes { created: rows as u64, ..NOTHING });
    assert_same(&ours(host, ward), &ward.wanted());
}

/// What is to be seen of ours.
fn ours(host: &Host, ward: &Ward) -> BTreeMap<Look, usize> {
    let items = host.items(&ward.roster.employees());
    counted(items.into_iter().filter(|it| !it.uid.starts_with("own-")).map(|it| it.look))
}

/// Fifty events of other people's, some of which look much like ours; each by its address, with
/// the bytes that the server gives for it.
fn put_foreign(host: &Host, ward: &Ward) -> BTreeMap<String, Vec<u8>> {
    let employees = ward.roster.employees();
    let home = host.server.url();
    let mut foreign = BTreeMap::new();
    for number in 0..FOREIGN {
        let employee = &employees[number % employees.len()];
        let url = format!("{home}{employee}/own-{number}.ics");
        dav::put(&url, foreign_event(number).as_bytes());
        let data = dav::get(&url).unwrap();
        foreign.insert(url, data);
    }
    foreign
}

fn foreign_event(number: usize) -> String {
    let day = 5 + number % 20;
    let more = match number % 5 {
        // Another installation's, or another mirror's.
        0 => "X-ROTABRIDGE-ORIGIN:1 other 0 00000000000000000000000000000000 shift s1\r\n",
        // What no version of ours writes.
        1 => "X-ROTABRIDGE-ORIGIN:by hand\r\n",
        2 => "RRULE:FREQ=WEEKLY;COUNT=9\r\nEXDATE:20261012T123000Z\r\n",
        3 => "ATTENDEE:mailto:somebody@example.org\r\nX-OWN;X-PARAMETER=\"a:b\":c\\,d\r\n",
        _ => {
            "CATEGORIES:Late\r\nDESCRIPTION:a long line of somebody's that had to be \
             fol\r\n ded\r\n"
        }
    };
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Somebody//Calendar//EN\r\nBEGIN:VEVENT\r\n\
         UID:own-{number}\r\nDTSTAMP:20260901T080000Z\r\nDTSTART:202610{day:02}T123000Z\r\n\
         DTEND:202610{day:02}T203000Z\r\nSUMMARY:Late – FullTime\r\n{more}END:VEVENT\r\n\
         END:VCALENDAR\r\n"
    )
}
