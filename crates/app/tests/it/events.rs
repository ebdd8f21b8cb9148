//! What stands on the played server, read line by line and not by the product's own reader.

use std::collections::BTreeMap;

use simulators::caldav::CaldavServer;

/// One event: calendar, title, first instant or day, end.
pub type Event = (String, String, String, String);

/// The properties of one object, continued lines joined; of repeated ones the last.
pub fn properties(data: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8(data.to_vec()).unwrap().replace("\r\n ", "");
    let mut inside = false;
    let mut found = BTreeMap::new();
    for line in text.lines() {
        match line {
            "BEGIN:VEVENT" => inside = true,
            "END:VEVENT" => inside = false,
            _ if inside => {
                let (name, value) = line.split_once(':').unwrap();
                found.insert(name.to_owned(), value.to_owned());
            }
            _ => {}
        }
    }
    found
}

/// All events in these calendars, sorted.
pub fn events(server: &CaldavServer, calendars: &[&str]) -> Vec<Event> {
    let mut all = Vec::new();
    for calendar in calendars {
        for data in server.objects(&format!("{calendar}/")).values() {
            let of = properties(data);
            let value = |name: &str| {
                let dated = format!("{name};VALUE=DATE");
                of.get(name).or_else(|| of.get(&dated)).cloned().unwrap_or_default()
            };
            all.push(((*calendar).to_owned(), value("SUMMARY"), value("DTSTART"), value("DTEND")));
        }
    }
    all.sort();
    all
}

/// The first event that stands twice in one calendar, by what it says or by whom it is from.
pub fn twice(server: &CaldavServer, calendars: &[&str]) -> Option<String> {
    calendars.iter().find_map(|calendar| {
        let objects = server.objects(&format!("{calendar}/"));
        twice_among(objects.iter().map(|(name, data)| (name.clone(), data.to_vec())))
            .map(|found| format!("{calendar}: {found}"))
    })
}

/// The same among the objects of one calendar.
pub fn twice_among(objects: impl Iterator<Item = (String, Vec<u8>)>) -> Option<String> {
    let mut seen = BTreeMap::new();
    for (name, data) in objects {
        let of = properties(&data);
        let origin = of.get("X-ROTABRIDGE-ORIGIN").and_then(|it| it.rsplit(' ').next());
        let said = ["SUMMARY", "DTSTART", "DTEND"].map(|it| of.get(it));
        for mark in [format!("{origin:?}"), format!("{said:?}")] {
            if let Some(other) = seen.insert(mark.clone(), name.clone()) {
                return Some(format!("{other} and {name} both are {mark}"));
            }
        }
    }
    None
}
