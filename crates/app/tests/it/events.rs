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
    for calendar in calendars {
        let mut seen = BTreeMap::new();
        for (name, data) in server.objects(&format!("{calendar}/")) {
            let of = properties(&data);
            let origin = of.get("X-ROTABRIDGE-ORIGIN").map(|it| it.rsplit(' ').next());
            let said =
                format!("{:?} {:?} {:?}", of.get("SUMMARY"), of.get("DTSTART"), of.get("DTEND"));
            for mark in [format!("{origin:?}"), said] {
                if let Some(other) = seen.insert(mark.clone(), name.clone()) {
                    return Some(format!("{calendar}: {other} and {name} both are {mark}"));
                }
            }
        }
    }
    None
}
