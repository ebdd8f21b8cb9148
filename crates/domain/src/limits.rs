//! Every cap in the system, with its unit and its reason.
//!
//! Reaching one is a reported outcome, never a hang and never a silent cut.

use std::time::Duration;

/// Bytes in an operator-chosen name: fits a path segment, a metric label and a log column.
pub const NAME_BYTES_MAX: usize = 64;
/// Bytes in an id from a system of record. The longest seen are Graph event ids (152).
pub const ID_BYTES_MAX: usize = 512;
/// Bytes in a label (an activity, a group name, a person's name).
pub const LABEL_BYTES_MAX: usize = 1024;
/// Bytes in free text (notes): what calendars show without cutting, with room to spare.
pub const NOTES_BYTES_MAX: usize = 32 * 1024;

/// Longest shift: longer ones are a mistake in the source more often than work.
pub const SHIFT_DURATION_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// Days in one absence; longer ones are split by every system of record that we know.
pub const TIME_OFF_DAYS_MAX: i64 = 1100;

/// Bytes in one roster file: 5,000,000 rows of about 100 bytes.
pub const ROSTER_FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Files that one `path` pattern may match.
pub const ROSTER_FILES_MAX: usize = 1000;
/// Bad rows named one by one in a report; the rest are counted.
pub const BAD_ROWS_REPORTED_MAX: usize = 100;

/// Bytes of an HTTP answer that a connector reads before it gives up.
pub const RESPONSE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of one iCalendar object that is read back from a calendar.
pub const ICALENDAR_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Lines of one iCalendar object that is read: each becomes about 200 bytes in memory.
pub const ICALENDAR_LINES_MAX: usize = 500_000;
/// Pages followed in one listing before it is called endless.
pub const LIST_PAGES_MAX: usize = 10_000;
/// Items asked for in one multiget: servers tested answer 100 well, some refuse more.
pub const MULTIGET_ITEMS_MAX: usize = 100;

/// Intents made durable in one group commit: bounds what one crash leaves to be looked up.
pub const GROUP_COMMIT_INTENTS_MAX: usize = 512;
/// Attempts at one write inside one cycle before it waits for the next cycle.
pub const ATTEMPTS_PER_CYCLE_MAX: u32 = 6;
/// Permanent refusals of one entity, over cycles, before it is set aside in quarantine.
pub const REFUSALS_BEFORE_QUARANTINE: u32 = 3;
/// Rounds of plan and drain in one cycle: a moved shift needs two, a settled unknown three.
pub const ROUNDS_PER_CYCLE_MAX: u32 = 5;

/// How long a lease on one calendar lasts unless it is renewed.
pub const LEASE_DURATION: Duration = Duration::from_secs(30);
/// How long one request to a target may take; shorter than the lease, so that an owner that
/// waits for an answer still owns the calendar when it comes.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// Longest wait that a `Retry-After` is believed for; a longer one counts as this long.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(15 * 60);
/// Longest time that one `sync` waits for a closed quota domain before it reports partly done.
pub const CYCLE_WAIT_MAX: Duration = Duration::from_secs(30 * 60);

/// Live feed links of one employee.
pub const FEEDS_PER_EMPLOYEE_MAX: usize = 20;
/// Bytes of a request that the server reads before it refuses.
pub const REQUEST_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of one rendered feed.
pub const FEED_BYTES_MAX: usize = 4 * 1024 * 1024;
