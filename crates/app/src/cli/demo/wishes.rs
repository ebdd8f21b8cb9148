//! Time off that people of the hotline ask for, by events in calendars of their own.

use engine::run::cycle::CycleOptions;
use simulators::caldav::CaldavServer;

use super::genesys::Hotline;
use crate::output::Output;
use crate::wiring::Works;

/// Days off that people of the hotline ask for before the summary is printed.
const HOTLINE_WISHES: usize = 2;
/// Of what changed only, as `serve` looks when it is told that something changed.
pub(super) const CHANGES: CycleOptions = CycleOptions {
    read_back: false,
    allow_deletions: None,
    allow_event_changes: None,
    purge: false,
    writes: true,
};
/// Everything, as `serve` looks now and then: also events that are not ours.
pub(super) const WHOLE: CycleOptions = CycleOptions { read_back: true, ..CHANGES };

/// People of the hotline ask for days off, in calendars of their own.
pub(super) fn have_time_off_asked_for(
    works: &Works,
    hotline: &mut Hotline,
    played: Option<&CaldavServer>,
    output: &Output,
) {
    let Some(played) = played else { return };
    for _ in 0..HOTLINE_WISHES {
        let wish = hotline.wishes(played, works.outside.clock.now());
        wish.into_iter().for_each(|text| output.say(text));
    }
}

/// Whether it is the turn of people of the hotline to ask for a day off.
pub(super) fn is_wish(number: u64) -> bool {
    number % 8 == 6
}
