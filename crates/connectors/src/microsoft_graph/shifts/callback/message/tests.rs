//! Which language is chosen, and what is said in it.

use super::*;

const LANGUAGES: [Language; 4] =
    [Language::English, Language::German, Language::French, Language::Spanish];

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

fn interval(start: &str, end: &str) -> UtcInterval {
    UtcInterval::new(start.parse().unwrap(), end.parse().unwrap()).unwrap()
}

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

fn said(refusal: &Refusal) -> [String; 4] {
    LANGUAGES.map(|language| Notice::Refused(refusal).say(language, &berlin()))
}

#[test]
fn language_of_the_highest_weight_that_we_have_is_chosen() {
    use Language::{English, French, German, Spanish};
    let check = |header: &str, expected: Language| {
        assert_eq!(Language::accepted(header), expected, "{header}");
    };
    check("de-DE", German);
    check("DE_at", German);
    check("pl, fr-CH;q=0.8, en;q=0.7", French);
    check("en;q=0.2, es;q=0.9, de;q=0.9", Spanish);
    check("en;q=0.5, *;q=0.1, fr ; Q = 1.000", French);
    check("de;q=0, fr;q=0.001", French);
    check("*, de;q=0.5", English);
    check("de;level=1;q=0.4, es;q=0.3", German);
    for unreadable in ["", "pl", ",,;", "de;q=2", "de;q=0.1234", "de;q=x", "de;q=-1", "deu"] {
        check(unreadable, English);
    }
}

#[test]
fn rule_and_numbers_are_said_in_every_language() {
    let rest = Refusal::RestTooShort {
        required: hours(11),
        left: hours(9) + Duration::from_secs(30 * 60),
    };
    assert_eq!(
        said(&rest),
        [
            "Between two shifts there must be 11 h of rest; only 9 h 30 min would be left. \
             Please choose another shift.",
            "Zwischen zwei Schichten müssen 11 h Ruhezeit liegen; es blieben nur 9 h 30 min. \
             Bitte wählen Sie eine andere Schicht.",
            "Il faut 11 h de repos entre deux services ; il n’en resterait que 9 h 30 min. \
             Veuillez choisir un autre service.",
            "Entre dos turnos debe haber 11 h de descanso; solo quedarían 9 h 30 min. Elija otro \
             turno.",
        ]
    );
    let late = said(&Refusal::TooLate { notice: hours(72) });
    assert!(late[0].contains("at least 3 days ahead") && late[3].contains("3 días"));
    assert!(said(&Refusal::TooLate { notice: hours(24) })[1].contains("mindestens 24 h"));
}

#[test]
fn times_are_those_of_a_clock_in_the_team_s_zone() {
    // The night in which clocks go back: the shift ends at 06:00 in standard time.
    let with = interval("2026-10-24T20:00:00Z", "2026-10-25T05:00:00Z");
    let [english, german, french, _] = said(&Refusal::Overlaps { with });
    assert!(english.contains("(24 Oct 2026, 22:00 – 25 Oct 2026, 06:00)"), "{english}");
    assert!(german.contains("(24.10.2026, 22:00 – 25.10.2026, 06:00)"), "{german}");
    assert!(french.contains("(24/10/2026, 22:00 – 25/10/2026, 06:00)"), "{french}");
    let during = interval("2026-12-01T07:00:00Z", "2026-12-01T15:30:00Z");
    let [english, ..] = said(&Refusal::Absent { during });
    assert!(english.contains("(1 Dec 2026, 08:00–16:30)"), "{english}");
}

#[test]
fn every_kind_of_thing_has_a_name_in_every_language() {
    for kind in CommandKind::ALL {
        let told = said(&Refusal::NotHere { kind });
        for (index, text) in told.iter().enumerate() {
            assert!(!text.starts_with(' ') && !text.contains('{'), "{text}");
            assert!(told.iter().skip(index + 1).all(|other| other != text), "{text}");
        }
    }
}

#[test]
fn all_languages_name_the_same_details_and_stay_short() {
    for (name, text) in texts::ALL {
        let details = |language| {
            let mut details: Vec<&str> =
                text.of(language).split('{').skip(1).map(|rest| &rest[..1]).collect();
            details.sort_unstable();
            details
        };
        for language in LANGUAGES {
            let text = text.of(language);
            assert!(!text.is_empty() && text.len() < 200, "{name}: {text}");
            assert!(!text.contains("  "), "{name}: {text}");
            assert_eq!(details(language), details(Language::English), "{name}");
        }
    }
}

#[test]
fn names_are_cut_short_and_never_taken_for_details() {
    let [english, ..] = said(&Refusal::OtherGroup { group: format!("{{0}}\n{}", "x".repeat(80)) });
    let shown = format!("“{{0}} {}…”", "x".repeat(56));
    assert!(english.contains(&shown), "{english}");
}
