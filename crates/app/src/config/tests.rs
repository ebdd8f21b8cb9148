//! What a configuration may say, and what comes of it.

use std::path::Path;
use std::time::Duration;

use domain::policy::PrivacyTier;
use proptest::prelude::*;

use super::{Config, EXAMPLE, LinkStyle};

fn parse(text: &str) -> Result<Config, Vec<String>> {
    let parsed = Config::parse("rotabridge.toml", Path::new("/etc/rota"), text);
    parsed.map_err(|error| error.places.into_iter().map(|place| place.message).collect())
}

const CONNECTIONS: &str = r#"
[[connection]]
name = "exports"
kind = "roster_file"
path = "*.csv"
columns = { employee = "a", start = "b", end = "c" }

[[connection]]
name = "dav"
kind = "caldav"
url = "https://dav.example.com/"

[[roster]]
name = "ward"
source = "exports"
"#;

#[test]
fn the_example_says_what_it_says() {
    let config = parse(EXAMPLE).unwrap();
    let window = config.rosters[0].window;
    assert_eq!(window.future.0, Duration::from_secs(8 * 7 * 86_400));
    assert_eq!(config.server.base_url(), "https://rota.example.com");
    assert_eq!(config.feeds.links, LinkStyle::Subscription);
    assert_eq!(config.mirrors[0].look.privacy, PrivacyTier::Full);
    assert_eq!(config.mirrors[0].full_interval, Duration::from_secs(86_400));
}

#[test]
fn nothing_at_all_is_a_configuration() {
    let config = parse("").unwrap();
    assert_eq!(config.server.base_url(), "http://127.0.0.1:8080");
    assert_eq!(config.store.url, "sqlite://rotabridge.db");
}

#[test]
fn a_store_s_path_is_relative_to_the_file() {
    use secrecy::ExposeSecret;
    let check = |url: &str, expected: &str| {
        let config = parse(&format!("[store]\nurl = \"{url}\"\n")).unwrap();
        let url = config.store.connect_url(Path::new("/etc/rota 100%")).unwrap();
        assert_eq!(url.expose_secret(), expected);
    };
    check("sqlite://rotabridge.db", "sqlite:///etc/rota 100%25/rotabridge.db");
    check("sqlite:data/x.db?mode=rw", "sqlite:///etc/rota 100%25/data/x.db?mode=rw");
    check("sqlite:///var/x.db", "sqlite:///var/x.db");
    check("postgres://rota@db/rota", "postgres://rota@db/rota");
}

#[test]
fn a_section_that_is_wrong_does_not_make_others_wrong() {
    let text = CONNECTIONS.replace("path = \"*.csv\"", "path = 7");
    let faults = parse(&text).unwrap_err();
    assert_eq!(faults.len(), 1, "the roster's source stands in the text: {faults:?}");
}

#[test]
fn a_value_of_another_type_names_its_key() {
    let check = |text: &str, expected: &str| {
        let faults = parse(text).unwrap_err();
        assert!(faults.iter().any(|it| it.starts_with(expected)), "{expected:?}: {faults:?}");
    };
    let roster = |more: &str| format!("{CONNECTIONS}{more}\n");
    check(&roster("employees_file = 1"), "`employees_file`: invalid type: integer `1`, expected");
    check(&roster("guard = { deletions_free = \"x\" }"), "`guard.deletions_free`: invalid type");
    check(&roster("[roster.guard]\ndeletions_free = \"x\""), "`guard.deletions_free`: invalid");
    check(&CONNECTIONS.replace("path = \"*.csv\"", "path = 7"), "`path`: invalid type");
    check(&CONNECTIONS.replace("start = \"b\"", "start = 7"), "`columns.start`: invalid type");
    let codes = "path = \"*.csv\"\nday_off_codes = [\"OFF\", 1]";
    check(&CONNECTIONS.replace("path = \"*.csv\"", codes), "`day_off_codes`: invalid type");
    check("[server]\nlisten = \"here\"", "`listen`: invalid socket address");
    check("[feeds]\nactivities = \"yes\"", "`activities`: ");
}

#[test]
fn keys_of_all_mirrors_and_of_one_kind_are_both_suggested() {
    let mirror = |key: &str| {
        let named = "[[mirror]]\nname = \"m\"\nroster = \"ward\"\nconnection = \"dav\"";
        let text = format!("{CONNECTIONS}{named}\nkind = \"caldav\"\n{key} = \"x\"\n");
        let error = Config::parse("x", Path::new(""), &text).unwrap_err();
        error.places[0].hint.clone().unwrap()
    };
    assert_eq!(mirror("colection"), "did you mean `collection`?");
    assert_eq!(mirror("privcy"), "did you mean `privacy`?");
}

/// What is wrong with a mirror that has these lines, and the first advice.
fn mirror_told(lines: &str) -> (Vec<String>, String) {
    let named = "[[mirror]]\nname = \"m\"\nroster = \"ward\"\nconnection = \"dav\"";
    let text = format!("{CONNECTIONS}{named}\nkind = \"caldav\"\n{lines}\n");
    match Config::parse("x", Path::new(""), &text) {
        Ok(_) => (vec![], String::new()),
        Err(error) => {
            let hint = error.places[0].hint.clone().unwrap_or_default();
            (error.places.into_iter().map(|it| it.message).collect(), hint)
        }
    }
}

#[test]
fn templates_are_checked_and_the_nearest_placeholder_is_named() {
    let check = |lines: &str, message: &str, advice: &str| {
        let (told, hint) = mirror_told(lines);
        assert_eq!((told, hint.as_str()), (vec![message.to_owned()], advice), "{lines}");
    };
    check(
        "title = \"{activty}\"",
        "`title`: `{activty}` is no placeholder here",
        "did you mean `{activity}`?",
    );
    check(
        "activities = { BRK = { location = \"{location}\" } }",
        "`activities.BRK.location`: `{location}` is no placeholder here",
        "placeholders are `activities`, `activity`, `date`, `employee`, `end`, `group`, `notes`, \
         `slots` or `start`",
    );
    check(
        "time_off = { title = \"{resaon}\" }",
        "`time_off.title`: `{resaon}` is no placeholder here",
        "did you mean `{reason}`?",
    );
    check("title = \" \"", "`title`: is empty", "the default is `{activity} – {group}`");
    check(
        "reminder = \"90s\"",
        "`reminder`: is not whole minutes, at most four weeks",
        "expected something like `15m`",
    );
    check(
        "privacy = \"title\"\nactivities_as = \"blocks\"",
        "`activities_as`: needs `privacy = \"full\"`",
        "less than `privacy = \"full\"` shows no activities",
    );
    check(
        "shows = \"head_count\"",
        "`shows`: head counts need calendars of groups",
        "name calendars in `groups`, or one for each group by the mirror's own keys",
    );
    check(
        "groups = [{ group = \"A\", calendar = \"{group}/\" }]",
        "`groups`: `{group}/` has placeholders; expected one collection",
        "expected a calendar in the words of the mirror's kind",
    );
}

#[test]
fn a_whole_mapping_profile_is_read() {
    let lines = r#"
title = "{employee}: {activity} {start}-{end}"
colour = "teal"
reminder = "15m"
visibility = "private"
activities_as = "blocks"
include_adherence_rules = true
adherence = { late_start = "3m" }
attendees = true
organizer = "rota@example.com"
open_shifts = {}
groups = [{ group = "Ward 3", calendar = "shared/ward-3" }]
activities = { BRK = { title = "Break", show_as = "tentative", privacy = "busy" } }
tiers = { busy = { title = "At work" } }
time_off = { show = false }
"#;
    assert_eq!(mirror_told(lines), (vec![], String::new()));
    assert_eq!(mirror_told("shows = \"head_count\"\ncollection = \"{group}/\"").0, [""; 0]);
}

#[test]
fn values_out_of_range_are_refused() {
    let check = |line: &str| {
        assert!(parse(&format!("{CONNECTIONS}{line}\n")).is_err(), "{line}");
    };
    check("guard = { deleted_share_max = 1.5 }");
    check("poll_interval = \"0s\"");
    check("window = { past = \"0s\", future = \"0s\" }");
    check("time_zone = \"Berlin\"");
    check("employees_file = 1");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_is_written_no_place_lies_outside_it(
        cut in 0..EXAMPLE.len(), insert in "[\\[\\]{}=\"a-zé\n]{0,6}",
    ) {
        let cut = (0..=cut).rev().find(|at| EXAMPLE.is_char_boundary(*at)).unwrap();
        let text = format!("{}{insert}{}", &EXAMPLE[..cut], &EXAMPLE[cut..]);
        if let Err(error) = Config::parse("x", Path::new(""), &text) {
            prop_assert!(!error.places.is_empty());
            for place in error.places {
                let (start, end) = place.span.unwrap();
                prop_assert!(start <= end && end <= place.text.len());
                let shown = crate::failure::Failure {
                    places: vec![place],
                    ..crate::failure::Failure::saying("x")
                };
                crate::output::render(&shown, 80);
            }
        }
    }
}

#[test]
fn a_slip_of_the_finger_names_the_key_that_was_meant() {
    let check = |found: &str, known: &[&str], meant: Option<&str>| {
        assert_eq!(super::reader::nearest(found, known), meant, "{found}");
    };
    check("ulr", &["password_file", "url"], Some("url"));
    check("deleted_share", &["deletions_free", "deleted_share_max"], Some("deleted_share_max"));
    check("zzz", &["password_file", "url"], None);
}

#[test]
fn a_team_belongs_to_one_mirror_that_shows_it_as_it_is_and_somebody_who_decides() {
    let graph = r#"
[[connection]]
name = "m365"
kind = "microsoft_graph"
tenant_id = "72f988bf-86f1-41af-91ab-2d7cd011db47"
client_id = "c"
client_secret_file = "s"
"#;
    let mirror = |name: &str, team: &str, more: &str| {
        format!(
            "\n[[mirror]]\nname = \"{name}\"\nroster = \"ward\"\nconnection = \"m365\"\n\
             kind = \"shifts\"\nteams = [{{ group = \"*\", team_id = \"{team}\" }}]\n{more}\n"
        )
    };
    let told = |mirrors: &str| parse(&format!("{CONNECTIONS}{graph}{mirrors}")).unwrap_err();
    let twice = mirror("one", "t-1", "") + &mirror("two", "T-1", "");
    assert_eq!(told(&twice), ["`T-1` is in mirror `one` already"]);
    let told_of = |more| told(&mirror("one", "t-1", more));
    let shown = "`privacy`: a `shifts` mirror shows the schedule as it is";
    assert_eq!(told_of("privacy = \"busy\""), [shown]);
    let nobody = told_of("direction = \"two_way\"\ncallback_secret_file = \"w\"");
    assert!(nobody[0].starts_with("nobody would decide: roster `ward`"), "{nobody:?}");
    assert!(parse(&format!("{CONNECTIONS}{graph}{}", mirror("one", "t-1", ""))).is_ok());
}

#[test]
fn two_ways_lead_to_somebody_who_decides() {
    let genesys = "\n[[connection]]\nname = \"genesys\"\nkind = \"genesys_cloud\"\n\
                   region = \"mypurecloud.de\"\nclient_id = \"c\"\nclient_secret_file = \"s\"\n\
                   [[connection]]\nname = \"m365\"\nkind = \"microsoft_graph\"\n\
                   tenant_id = \"t\"\nclient_id = \"c\"\nclient_secret_file = \"s\"\n\
                   [[roster]]\nname = \"emea\"\nsource = \"genesys\"\n\
                   [[roster]]\nname = \"own\"\n[roster.rules]\ndecides = [\"availability\"]\n";
    let told = |roster: &str, keys: &str| {
        let mirror = format!(
            "[[mirror]]\nname = \"m\"\nroster = \"{roster}\"\nconnection = \"m365\"\n\
             kind = \"shifts\"\nteams = [{{ group = \"*\", team_id = \"t\" }}]\n{keys}\n"
        );
        parse(&format!("{CONNECTIONS}{genesys}{mirror}")).err().unwrap_or_default()
    };
    let secret = "callback_secret_file = \"w\"\n";
    let named = |kind: &str| format!("{secret}directions = {{ {kind} = \"two_way\" }}");
    let [never] = &told("emea", &named("swap_request"))[..] else { panic!("one mistake") };
    assert!(never.starts_with("`directions.swap_request`: roster `emea` is read from"), "{never}");
    assert!(never.contains("`genesys_cloud` connection, which decides"), "{never}");
    assert!(never.ends_with(" only"), "{never}");
    assert_eq!(told("emea", &named("time_off_request")), [""; 0]);
    assert_eq!(told("emea", &format!("{secret}direction = \"two_way\"")), [""; 0]);
    let missing = told("emea", "direction = \"two_way\"");
    assert_eq!(
        missing,
        ["`callback_secret_file`: missing; what people ask for arrives sealed with it"]
    );
    let [own] = &told("own", &named("shift"))[..] else { panic!("one mistake") };
    assert!(
        own.ends_with("which by `[roster.rules] decides` decides `availability` only"),
        "{own}"
    );
}

#[test]
fn what_looks_without_a_pause_is_refused() {
    let check = |lines: &str, expected: &str| {
        let (told, _) = mirror_told(lines);
        assert_eq!(told, [expected], "{lines}");
    };
    let drift = "`drift_interval`: `0s` found, expected at least `1m`";
    check("drift_interval = \"0s\"", drift);
    let full = "`full_interval`: `30m` found, expected at least `1h`";
    check("full_interval = \"30m\"", full);
    assert!(mirror_told("drift_interval = \"1m\"\nfull_interval = \"1h\"").0.is_empty());
}

#[test]
fn what_cannot_be_read_is_shown_how_it_is_written() {
    let hint = |text: &str| {
        let error = Config::parse("x", Path::new(""), text).unwrap_err();
        error.places[0].hint.clone().unwrap_or_default()
    };
    assert!(hint("[server]\nlisten = \"8080\"").ends_with("such as `127.0.0.1:8080`"));
    let (_, hours) = mirror_told("[mirror.conflicts]\nmove_hours = { from = \"8\", to = \"9\" }");
    assert!(hours.ends_with("such as `08:00`"), "{hours}");
    let text = "[[roster]]\nname = \"own\"\n[roster.rules]\nautomatic = [\"shift\"]\n";
    let error = Config::parse("x", Path::new(""), text).unwrap_err();
    let (start, _) = error.places[0].span.unwrap();
    assert!(text[start..].starts_with("[\"shift\"]"), "points at {:?}", &text[start..]);
    let zero = parse("[server]\napi_requests_per_minute = 0\n").unwrap_err();
    assert_eq!(zero, ["`api_requests_per_minute` is 0; expected at least 1"]);
    let same = "[server]\nlisten = \"127.0.0.1:1\"\noperator_listen = \"127.0.0.1:1\"\n";
    assert_eq!(parse(same).unwrap_err(), ["`127.0.0.1:1` is the address of `listen` too"]);
}

fn with_mirror(keys: &str) -> Result<Config, Vec<String>> {
    let google = "[[connection]]\nname = \"google\"\nkind = \"google_workspace\"\n\
                  service_account_file = \"google.json\"\n";
    parse(&format!("{CONNECTIONS}\n{google}\n[[mirror]]\nname = \"m\"\nroster = \"ward\"\n{keys}"))
}

#[test]
fn a_policy_over_a_connection_that_cannot_see_people_s_events_names_what_is_missing() {
    let google = "connection = \"google\"\nkind = \"google\"\n";
    let told = |keys: &str| with_mirror(&format!("{google}{keys}")).unwrap_err().join("\n");
    let policy = "conflict_policy = \"wfm_priority_override\"\n";
    let nothing = told(policy);
    assert!(nothing.contains("cannot see people's events"), "{nothing}");
    assert!(nothing.contains("calendar.app.created"), "{nothing}");
    let reading = told(&format!("{policy}foreign_events = \"read\"\n"));
    assert!(reading.contains("cannot change people's events"), "{reading}");
    let change = format!("{google}{policy}foreign_events = \"change\"\n");
    assert!(with_mirror(&change).is_ok());
    assert!(with_mirror(google).is_ok(), "reporting needs nothing");
}

#[test]
fn nobody_s_events_are_held_against_everybody_s_shifts() {
    let told = |keys: &str| with_mirror(keys).unwrap_err().join("\n");
    let policy = "conflict_policy = \"wfm_priority_override\"\n";
    let shared = "connection = \"google\"\nkind = \"google\"\nshared = \"rota@example.com\"\n";
    let nobody_s = told(&format!("{shared}{policy}"));
    assert!(nobody_s.contains("show everybody's shifts"), "{nobody_s}");
    let beside = told(&format!("{shared}foreign_events = \"change\"\n"));
    assert!(beside.contains("cannot stand beside `shared`"), "{beside}");
    let groups = "connection = \"dav\"\nkind = \"caldav\"\n\
                  groups = [{ group = \"A\", calendar = \"a/\" }]\n";
    let of_groups = told(&format!("{groups}{policy}"));
    assert!(of_groups.contains("with `groups` its calendars are nobody's own"), "{of_groups}");
    assert!(with_mirror(groups).is_ok());
}

#[test]
fn conflicts_are_looked_for_in_caldav_where_the_operator_asks_for_it() {
    let asked = |keys: &str| {
        let text = format!("connection = \"dav\"\nkind = \"caldav\"\n{keys}");
        let config = with_mirror(&text).unwrap_or_else(|told| panic!("{keys}: {told:?}"));
        let mirror = &config.mirrors[0];
        let connection = config.connection(&mirror.connection).unwrap();
        let reach = mirror.reach(connection.config.as_ref());
        mirror.conflicts.rules(&reach, jiff::tz::TimeZone::UTC, mirror.full_interval).is_some()
    };
    assert!(!asked(""));
    assert!(asked("conflict_policy = \"report\"\n"));
    assert!(asked("conflict_collections = [\"{email}/default/\"]\n"));
    assert!(asked("[mirror.conflicts]\nall_day = \"ignore\"\n"));
}

#[test]
fn conflicts_that_make_no_sense_are_refused() {
    let told = |keys: &str| {
        let text = format!("connection = \"dav\"\nkind = \"caldav\"\n{keys}");
        with_mirror(&text).unwrap_err().join("\n")
    };
    let hours = "[mirror.conflicts]\nmove_hours = { from = \"18:00\", to = \"08:00\" }\n";
    assert!(told(hours).contains("`move_hours` end before they begin"), "{}", told(hours));
    let often = "[mirror.conflicts]\ninterval = \"5s\"\n";
    assert!(told(often).contains("`interval` is shorter than a minute"), "{}", told(often));
    let group = "collection = \"{group}/\"\nconflict_policy = \"keep_both\"\n";
    assert!(told(group).contains("belong to no single person"), "{}", told(group));
}

#[test]
fn wishes_need_people_s_events_two_ways_and_labels_that_there_are() {
    let dav = "connection = \"dav\"\nkind = \"caldav\"\n";
    let told = |keys: &str| with_mirror(keys).unwrap_err().join("\n");
    let wishes = "unavailable = { category = \"Unavailable\" }\n";
    let one_way = told(&format!("{dav}{wishes}"));
    assert!(one_way.contains("nobody may ask for time off"), "{one_way}");
    let same = "direction = \"two_way\"\nunavailable = { asked = \"A\", granted = \"a\" }\n";
    let same = told(&format!("{dav}{same}"));
    assert!(same.contains("`asked` and `granted` are both `a`"), "{same}");
    let google = "connection = \"google\"\nkind = \"google\"\nforeign_events = \"change\"\n";
    let words = told(&format!("{google}unavailable = {{ category = \"Unavailable\" }}\n"));
    assert!(words.contains("events have only these labels"), "{words}");
    let group = told(&format!("{dav}collection = \"{{group}}/\"\n{wishes}"));
    assert!(group.contains("belong to no single person"), "{group}");
}

#[test]
fn a_calendar_of_wishes_that_nobody_reads_is_refused() {
    let told = |collections: &str, calendar: &str| {
        let keys = format!(
            "connection = \"dav\"\nkind = \"caldav\"\ndirection = \"two_way\"\n{collections}\n\
             unavailable = {{ calendar = \"{calendar}\" }}\n"
        );
        // Nobody decides there, which is told beside it.
        with_mirror(&keys).unwrap_err().join("\n")
    };
    let collections = "conflict_collections = [\"{employee}/default/\", \"{employee}/Away/\"]";
    assert!(!told(collections, "away").contains("`unavailable`"));
    let none = told("", "away");
    assert!(none.contains("`unavailable`: `calendar` is `away`, and only collections"), "{none}");
    assert!(none.contains("which has none"), "{none}");
    let other = told(collections, "holidays");
    assert!(other.contains("has `{employee}/default/`, `{employee}/Away/`"), "{other}");
    // It would be one person's.
    let own = told("conflict_collections = [\"{employee}-away/\"]", "anna-away");
    assert!(own.contains("the same for everybody"), "{own}");
}

const M365: &str = "[[connection]]\nname = \"m365\"\nkind = \"microsoft_graph\"\n\
                    tenant_id = \"t\"\nclient_id = \"c\"\nclient_secret_file = \"s\"\n";

fn with_outlook(keys: &str) -> Result<Config, Vec<String>> {
    let keys = format!("connection = \"m365\"\nkind = \"outlook\"\n{keys}");
    parse(&format!("{CONNECTIONS}\n{M365}\n[[mirror]]\nname = \"m\"\nroster = \"ward\"\n{keys}"))
}

#[test]
fn what_no_event_in_outlook_can_show_is_refused_with_the_reason() {
    let check = |keys: &str, key: &str, why: &str| {
        let [told] = &with_outlook(keys).unwrap_err()[..] else { panic!("{keys}: one mistake") };
        assert!(told.starts_with(&format!("`{key}`: cannot be shown there: ")), "{told}");
        assert!(told.contains(why), "{told}");
    };
    check("organizer = \"rota@example.com\"", "organizer", "a mailbox's owner");
    check("attendees = true", "attendees", "mails an invitation to everybody");
    check("colour = \"teal\"", "colour", "the colour of its category");
    let late = "activities = { Late = { colour = \"teal\" } }";
    check(late, "activities.Late.colour", "the colour of its category");
    check("time_off = { colour = \"grey\" }", "time_off.colour", "category");
    check("tiers = { busy = { colour = \"grey\" } }", "tiers.busy.colour", "category");
    let open = "shared = \"ward@example.com\"\nopen_shifts = { colour = \"grey\" }";
    check(open, "open_shifts.colour", "category");
    assert!(with_outlook("categories = [\"Late\"]\nreminder = \"15m\"").is_ok());
}

#[test]
fn open_shifts_are_for_calendars_of_groups() {
    let why = "`open_shifts`: here every calendar is one employee's";
    assert_eq!(with_outlook("open_shifts = {}").unwrap_err(), [why]);
    let google = "connection = \"google\"\nkind = \"google\"\nopen_shifts = {}\n";
    assert_eq!(with_mirror(google).unwrap_err(), [why]);
    assert_eq!(with_mirror(&format!("{google}calendar = \"primary\"")).unwrap_err(), [why]);
    let dav = "connection = \"dav\"\nkind = \"caldav\"\nopen_shifts = {}\n";
    assert_eq!(with_mirror(dav).unwrap_err(), [why]);
    assert!(with_mirror(&format!("{google}shared = \"rota@example.com\"")).is_ok());
    assert!(with_mirror(&format!("{dav}collection = \"{{group}}/\"")).is_ok());
    let shared = "shared = \"ward@example.com\"\nopen_shifts = {}";
    assert!(with_outlook(shared).is_ok());
    let counts = with_outlook(&format!("{shared}\nshows = \"head_count\"")).unwrap_err();
    assert_eq!(counts, ["`open_shifts`: `shows = \"head_count\"` shows counts only"]);
}

#[test]
fn a_dashboard_is_at_the_root_of_its_host() {
    let with = |server: &str| {
        parse(&format!("[server]\n{server}\n[dashboard]\npassword_file = \"door\"\n"))
    };
    let path = "public_url = \"https://intra.example.com/rota\"";
    let faults = with(path).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].contains("has the path `/rota`"), "{faults:?}");
    assert!(faults[0].contains("expected no path"), "{faults:?}");
    with(&format!("{path}\noperator_listen = \"127.0.0.1:9090\"")).unwrap();
    for root in ["https://intra.example.com", "https://intra.example.com/"] {
        with(&format!("public_url = \"{root}\"")).unwrap();
    }
    assert!(parse(&format!("[server]\n{path}\n")).is_ok(), "without a dashboard a path will do");
}
