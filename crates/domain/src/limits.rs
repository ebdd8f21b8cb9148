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

/// Activities in one shift that somebody plans in a vendor's product: a day in steps of ten minutes
/// has 144.
pub const ACTIVITIES_MAX: usize = 200;
/// Longest shift: longer ones are a mistake in the source more often than work.
pub const SHIFT_DURATION_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// Minutes before an event that a reminder may ring: what Google takes, four weeks.
pub const REMINDER_MINUTES_MAX: u32 = 40_320;
/// Days in one absence; longer ones are split by every system of record that we know.
pub const TIME_OFF_DAYS_MAX: i64 = 1100;

/// Bytes in one roster file: 5,000,000 rows of about 100 bytes.
pub const ROSTER_FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Files that one `path` pattern may match.
pub const ROSTER_FILES_MAX: usize = 1000;
/// Bytes of an Excel file, unpacked: XML takes about ten times what the same CSV would.
pub const SHEET_UNPACKED_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Bytes of the texts that its cells share: each becomes some 60 bytes in memory.
pub const SHEET_STRINGS_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Rows of a sheet: what Excel itself has.
pub const SHEET_ROWS_MAX: u32 = 1_048_576;
/// Columns of a sheet: exports have some tens, and each empty one costs a byte in every row.
pub const SHEET_COLUMNS_MAX: u32 = 512;
/// Bad rows named one by one in a report; the rest are counted.
pub const BAD_ROWS_REPORTED_MAX: usize = 100;

/// Employees named for one reason why work of theirs belongs to no calendar; the rest are counted.
pub const UNMAPPED_NAMED_MAX: usize = 20;

/// Bytes of an HTTP answer that a connector reads before it gives up.
pub const RESPONSE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Nodes of one XML answer: a listed item makes about 20, so this is some 200,000 items.
pub const XML_NODES_MAX: u32 = 4_000_000;
/// Bytes of one iCalendar object that is read back from a calendar.
pub const ICALENDAR_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Lines of one iCalendar object that is read: each becomes about 200 bytes in memory.
pub const ICALENDAR_LINES_MAX: usize = 500_000;
/// Pages followed in one listing before it is called endless.
pub const LIST_PAGES_MAX: usize = 10_000;
/// Entities of one listing: half a year of 20,000 employees. Some 5 GB, so more than this comes
/// from a system that is broken, or worse.
pub const LIST_ENTITIES_MAX: usize = 5_000_000;
/// Bytes of all answers of one listing: 400 bytes for each of that many entities. They are not
/// held; somebody may say little in much text for ever.
pub const LISTING_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// How long one listing may take. A source that is slower than this is read at no useful pace.
pub const LISTING_TIME_MAX: Duration = Duration::from_secs(2 * 3600);
/// Characters of somebody else's text that are shown in a message.
pub const FOREIGN_CHARS_MAX: usize = 200;
/// Items asked for in one multiget: servers tested answer 100 well, some refuse more.
pub const MULTIGET_ITEMS_MAX: usize = 100;

/// Intents made durable in one group commit: bounds what one crash leaves to be looked up.
pub const GROUP_COMMIT_INTENTS_MAX: usize = 512;
/// Attempts at one write inside one cycle before it waits for the next cycle.
pub const ATTEMPTS_PER_CYCLE_MAX: u32 = 6;
/// Permanent refusals of one entity, over cycles, before it is set aside in quarantine.
pub const REFUSALS_BEFORE_QUARANTINE: u32 = 3;
/// How long an entity stays in quarantine before it is tried again: long enough not to bother a
/// vendor that means it, short enough that a mended one is noticed the same day.
pub const QUARANTINE: Duration = Duration::from_secs(6 * 3600);
/// Rounds of plan and drain in one cycle: a moved shift needs two, a settled unknown three.
pub const ROUNDS_PER_CYCLE_MAX: u32 = 5;

/// How often an item is put right inside [`FLIP_FLOP_WINDOW`] before a change that comes back is
/// left as it is: once is a mistake, three times is a will or a program.
pub const FLIP_FLOPS_MAX: usize = 3;
/// How long we count how often an item was put right: a program that synchronises a calendar once
/// an hour, or once a working day, still shows.
pub const FLIP_FLOP_WINDOW: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long it is remembered that an item is left as somebody made it, when no reading sees it any
/// more: it is history by then, or its calendar is gone.
pub const DRIFT_LEFT_MEMORY: Duration = Duration::from_secs(60 * 24 * 3600);
/// How long an item tells why what somebody asked for by changing it was not granted.
pub const REFUSAL_TOLD: Duration = Duration::from_secs(3 * 24 * 3600);
/// How long it is remembered that an item was put right.
pub const DRIFT_MEMORY: Duration = FLIP_FLOP_WINDOW;

/// Bytes of one message of a vendor with hints: a hundred notices of a thousand bytes, and more.
pub const HOOK_BYTES_MAX: usize = 256 * 1024;
/// How long hints are gathered before their calendars are looked at: vendors tell of one change
/// several times, and of many changes at once.
pub const HINTS_GATHERED: Duration = Duration::from_secs(2);
/// A source is not read again within this time because of hints, however many come.
pub const HINTED_READING_GAP: Duration = Duration::from_secs(10);
/// How often it is looked after subscriptions when nobody asks for it.
pub const SUBSCRIPTION_UPKEEP: Duration = Duration::from_secs(5 * 60);
/// Subscriptions made, renewed or ended in one go.
pub const SUBSCRIPTIONS_PER_PASS_MAX: usize = 1000;
/// Failures after which a pass gives up: what fails that often fails for all.
pub const SUBSCRIPTION_FAILURES_MAX: u64 = 5;
/// Longest wait before subscriptions that could not be made are tried again.
pub const SUBSCRIPTION_RETRY_MAX: Duration = Duration::from_secs(3600);

/// How long a lease on one calendar lasts unless it is renewed.
pub const LEASE_DURATION: Duration = Duration::from_secs(30);
/// How long one request to a target may take; shorter than the lease, so that an owner that
/// waits for an answer still owns the calendar when it comes.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
/// How long one attempt to connect to a target may take, TLS included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an unused connection is trusted. Common servers close theirs after 5 seconds
/// (Apache's `KeepAliveTimeout`); a request that meets the closing has an unknown outcome.
pub const CONNECTION_IDLE_MAX: Duration = Duration::from_secs(4);
/// Redirects followed for one request, on the same host.
pub const REDIRECTS_MAX: usize = 5;
/// Difference between a server's clock and ours from which on `doctor` warns.
pub const CLOCK_SKEW_TOLERATED: Duration = Duration::from_secs(60);

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
/// How long a signed feed link lasts.
pub const FEED_LINK_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// How long links of a former signing key are accepted after a rotation: as long as they last.
pub const FEED_KEY_OVERLAP: Duration = FEED_LINK_LIFETIME;
/// How long after its retirement a key still tells "expired" from "never issued".
pub const FEED_KEY_MEMORY: Duration = Duration::from_secs(90 * 24 * 3600);
/// Bytes of a feed token: a signed one holds a roster name and an employee id in base64.
pub const FEED_TOKEN_BYTES_MAX: usize = 1200;
/// Bytes of rendered feeds kept in memory: about 800 feeds of 200 events, the least used go first.
pub const FEED_CACHE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Feed links whose standing is kept in memory, at about 200 bytes each.
pub const FEED_LINKS_CACHED_MAX: usize = 65_536;
/// How long a feed is served from memory before the store is asked again whether another process
/// changed the roster or revoked the link.
pub const FEED_RECHECK: Duration = Duration::from_secs(2);
/// Feeds that are rendered at once; each asks the store a few times.
pub const FEED_RENDERS_MAX: usize = 16;
/// How old what `/readyz` says may be: whoever asks more often is answered from memory.
pub const READY_RECHECK: Duration = Duration::from_secs(1);
/// Open connections to the server: below the usual 1,024 open files, with room for the store.
pub const CONNECTIONS_MAX: usize = 768;
/// Bytes of a request's line and headers.
pub const REQUEST_HEAD_BYTES_MAX: usize = 16 * 1024;
/// How long a client may take to send them, and how long it may stay silent between requests.
pub const REQUEST_HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// Age at which a connection is asked to close: a client that reads nothing cannot hold it.
pub const CONNECTION_AGE_MAX: Duration = Duration::from_secs(5 * 60);
/// How long a connection may take to finish its request after it was asked to close.
pub const CONNECTION_DRAIN_MAX: Duration = Duration::from_secs(10);

/// Entities that one search by id finds.
pub const FOUND_ENTITIES_MAX: usize = 20;
/// Characters that the beginning of an id must have to be searched for: fewer match by chance.
pub const ID_BEGINNING_CHARS_MIN: usize = 6;
/// Audit entries told of one entity, the last ones: years of daily changes.
pub const HISTORY_ENTRIES_MAX: usize = 1000;
/// Feeds that are also kept in a file in memory, to be sent without copying; each is an open file.
pub const FEED_FILES_MAX: usize = 64;
/// Smallest body that is worth such a file: below, copying costs less than the second call.
pub const FEED_FILE_BYTES_MIN: usize = 16 * 1024;
/// Largest body that gets one; so all of them take 16 MiB at most.
pub const FEED_FILE_BYTES_MAX: usize = 256 * 1024;

/// Bytes of one callback as it is sent to us, sealed: the largest known forms have some tens of
/// elements of about 2,000 bytes each.
pub const CALLBACK_BYTES_MAX: usize = REQUEST_BYTES_MAX;
/// Elements of one callback: each automatic decline is one, and a team has at most some thousand
/// people who can ask for the same open shift.
pub const CALLBACK_ELEMENTS_MAX: usize = 1000;
/// How long a caller is left waiting for a decision: Shifts waits about 31 seconds.
pub const CALLBACK_ANSWER_MAX: Duration = Duration::from_secs(25);
/// Bodies of callbacks longer than [`BODY_BYTES_FREE`] that are read at once: before they are here
/// nobody knows whose they are.
pub const CALLBACK_BODIES_MAX: usize = 64;
/// Bytes of a body that are read without a place among those that are read at once. Nearly all
/// bodies are shorter; every open connection may hold so much.
pub const BODY_BYTES_FREE: usize = 16 * 1024;
/// How long a body may take to arrive, and the rest of a long one once it has a place. Vendors send
/// theirs in one piece.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a long body waits for a place: places are free again after [`BODY_TIMEOUT`].
pub const BODY_PLACE_WAIT_MAX: Duration = Duration::from_secs(10);
/// Subscriptions of one message that are looked up at once.
pub const HOOK_LOOKUP_IDS_MAX: usize = 100;
/// How long before a caller stops waiting it is answered: the way back, and clocks that differ.
pub const CALLBACK_ANSWER_MARGIN: Duration = Duration::from_secs(2);
/// Replies to callbacks that are remembered, to give them again to whoever plays a recorded call
/// again: what a busy tenant sends within a deadline of 31 seconds, many times over.
pub const CALLBACK_REPLIES_MAX: usize = 10_000;
/// Bytes of all of them.
pub const CALLBACK_REPLIES_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long the reply to a callback without a deadline is remembered.
pub const CALLBACK_UNDATED_KEPT: Duration = Duration::from_secs(3600);
/// How far ahead a colleague's shifts are offered for a swap when the caller does not say.
pub const ELIGIBLE_AHEAD: Duration = Duration::from_secs(31 * 24 * 3600);

/// Bytes of an access token: those of Entra have some thousand, and what is longer fits no header
/// that servers take.
pub const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// Requests in one batch: what Graph takes.
pub const BATCH_REQUESTS_MAX: usize = 20;
/// How long before a credential's end `doctor` warns: time for an administrator who has to ask.
pub const CREDENTIAL_WARNING: Duration = Duration::from_secs(90 * 24 * 3600);

/// How long a vendor that names no deadline is believed to wait for what it asked. The guide's
/// example waits 31 seconds.
pub const ASK_WAIT_ASSUMED: Duration = Duration::from_secs(60);
/// Longest deadline of an ask that is believed: a clock that is wrong must not keep a mirror from
/// being settled.
pub const ASK_WAIT_MAX: Duration = Duration::from_secs(10 * 60);
/// How long after an ask's deadline its outcome is looked at: time for the vendor to finish, for
/// clocks that differ, and for a repetition to arrive.
pub const ASK_SETTLE_MARGIN: Duration = Duration::from_secs(2 * 60);
/// Asks decided in one transaction: one fsync serves all, and none waits long for it.
pub const ASKS_PER_COMMIT_MAX: usize = 64;
/// How often asks are decided anew because somebody else changed the roster meanwhile.
pub const ASK_ATTEMPTS_MAX: usize = 5;
/// The same for what another system granted, and has done: it is not asked again, so an attempt
/// takes no longer than a commit.
pub const GRANTED_ATTEMPTS_MAX: usize = 50;
/// How long a grant is kept to recognise its repetition: far longer than any vendor tries.
pub const GRANT_MEMORY: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long people, groups and reasons are believed without looking whether they changed.
pub const DIRECTORY_RECHECK: Duration = Duration::from_secs(2);
/// Shifts or colleagues offered to somebody who asks: more than anybody reads.
pub const ELIGIBLE_MAX: usize = 500;
/// Facts (shifts, absences) weighed for one question of who or what could be chosen: a month of a
/// group of some hundred. More would keep a processor busy for longer than an answer may take.
pub const ELIGIBLE_CANDIDATES_MAX: usize = 10_000;
/// How long after the answer a request is granted that needs no manager: the vendor must have
/// stored it by then. Microsoft's own connector waits five seconds.
pub const APPROVAL_DELAY: Duration = Duration::from_secs(5);
/// Longest wait between two tries to grant such a request.
pub const APPROVAL_RETRY_MAX: Duration = Duration::from_secs(3600);
/// After this time a request that could not be granted is left to a manager.
pub const APPROVAL_GIVE_UP: Duration = Duration::from_secs(24 * 3600);
/// Requests granted in one go.
pub const APPROVALS_AT_ONCE_MAX: usize = 50;

/// Events of people that one cycle of one mirror changes; the rest waits for the next one. What a
/// policy does to more people at once than this is looked at by somebody in between.
pub const EVENT_CHANGES_PER_CYCLE_MAX: u64 = 500;
/// Times that one event is moved out of the way of shifts that follow it, before it is left where
/// it is and reported.
pub const EVENT_MOVES_MAX: usize = 3;
/// How long after it was sent a change of somebody's event may still take effect, though its answer
/// was lost: several times what a request may take. Before that, an event that is as it was says
/// nothing; after it, the change counts as not done and may be made again.
pub const EVENT_CHANGE_LANDS_WITHIN: Duration = Duration::from_secs(120);
/// How long after its end a changed event can be put back. What was kept of it is personal data,
/// and is dropped then.
pub const KEPT_EVENT_MEMORY: Duration = Duration::from_secs(30 * 24 * 3600);
/// Characters of what is told of a meeting in a note: subject, people, link, the text's beginning.
pub const MEETING_NOTE_CHARS_MAX: usize = 2000;
/// Bytes of an event as it is kept, to be put back: what is larger is not changed.
pub const KEPT_EVENT_BYTES_MAX: usize = 1024 * 1024;
/// Events by which somebody asks for time off that one look at a calendar acts on; the others are
/// acted on by the next one. A series that repeats daily is no flood of requests.
pub const WISHES_PER_LOOK_MAX: usize = 20;
/// Steps in which free time is searched for an event: a month of a full calendar.
pub const FREE_TIME_STEPS_MAX: usize = 2000;
/// Conflicts told one by one in a plan or a report; the rest are counted.
pub const CONFLICTS_TOLD_MAX: usize = 100;
/// How long it is known when a roster changed, for those who ask for changes by time; who was away
/// for longer gets everything.
pub const CHANGES_KEPT: Duration = Duration::from_secs(35 * 24 * 3600);

/// Parts of one reading of a source: what a hundred thousand employees need for half a year, many
/// times over. A source that never comes to its end is broken.
pub const READING_PARTS_MAX: usize = 10_000;
/// How long people, groups and reasons of a system of record are believed that tells no changes of
/// them: a new address counts within the hour, at some hundred requests for 50,000 employees.
pub const DIRECTORY_REFRESH: Duration = Duration::from_secs(3600);
/// How often a source that is read by what changed is read in full, so that no version is trusted
/// for longer than a day.
pub const SOURCE_FULL_INTERVAL: Duration = Duration::from_secs(24 * 3600);

/// Tries to read a listing whose pages do not belong together before it is given up.
pub const LISTING_ATTEMPTS_MAX: u32 = 3;
/// How long a reading waits for a vendor that asks to wait; longer waits are for the next reading.
pub const READ_WAIT_MAX: Duration = Duration::from_secs(2 * 60);
/// How long what a system said that it can do is believed.
pub const CAPABILITIES_RECHECK: Duration = Duration::from_secs(3600);
/// How long a system of record is asked for one decision: the caller is answered after
/// [`CALLBACK_ANSWER_MAX`].
pub const DECISION_TIME_MAX: Duration = Duration::from_secs(20);
/// Characters of a system's own words for a refusal that people are shown.
pub const REFUSAL_CHARS_MAX: usize = 200;
/// Age from which a signed hint is not believed: what Standard Webhooks suggests.
pub const HOOK_AGE_MAX: Duration = Duration::from_secs(5 * 60);
/// Signatures of one hint that are looked at: one, or two while a secret is changed.
pub const HOOK_SIGNATURES_MAX: usize = 8;

/// How long after the instant that it bears a change may become visible: the longest commit or
/// decision, and clocks of replicas that differ. Reading a source does not count.
pub const CHANGE_VISIBLE_WITHIN: Duration = Duration::from_secs(5 * 60);
/// Entities on one page of the Schedule API where the client does not say.
pub const API_PAGE_ENTITIES_DEFAULT: usize = 100;
/// Most of them: some 400 KB.
pub const API_PAGE_ENTITIES_MAX: usize = 1000;
/// Highest page that is reached by its number, which takes longer the further it is.
pub const API_PAGES_MAX: u64 = 100_000;
/// Changes passed over to reach a page by its number, which are read for that; `nextUri` passes
/// over none.
pub const API_CHANGES_SKIPPED_MAX: usize = 5000;
/// Entities that are read at once for a client that follows `nextUri`: ten usual pages.
pub const API_AHEAD_ENTITIES_MAX: usize = 1000;
/// How long those of them wait to be asked for, which are for its next pages.
pub const API_AHEAD_AGE_MAX: Duration = Duration::from_secs(2);
/// Bytes of what is read at once and then waits; of more than that nothing waits.
pub const API_AHEAD_BYTES_MAX: usize = 1024 * 1024;
/// Walks for which something waits.
pub const API_AHEAD_RUNS_MAX: usize = 64;
/// Reads of one client at once that take the store longer than a page does.
pub const API_HEAVY_READS_MAX: usize = 2;
/// Characters of an id in a body; four bytes each stay below [`ID_BYTES_MAX`].
pub const API_ID_CHARS_MAX: usize = 128;
/// Characters of a label in a body; four bytes each stay below [`LABEL_BYTES_MAX`].
pub const API_LABEL_CHARS_MAX: usize = 256;
/// Characters of notes in a body; four bytes each stay below [`NOTES_BYTES_MAX`].
pub const API_NOTES_CHARS_MAX: usize = 8 * 1024;
/// Bytes of a body: a shift with all its activities and notes.
pub const API_BODY_BYTES_MAX: usize = 512 * 1024;
/// Bodies longer than [`BODY_BYTES_FREE`] that are read at once, of clients whose token is good.
pub const API_BODIES_MAX: usize = 64;
/// Likewise of those who ask for a token: theirs are short, if they mean it.
pub const API_TOKEN_BODIES_MAX: usize = 4;
/// How long an access token lasts.
pub const API_TOKEN_LIFETIME: Duration = Duration::from_secs(3600);
/// Tokens of one client that are good at once; then the oldest ends.
pub const API_TOKENS_PER_CLIENT_MAX: usize = 100;
/// Tokens whose client is kept in memory.
pub const API_TOKENS_CACHED_MAX: usize = 10_000;
/// Clients whose requests are counted.
pub const API_CLIENTS_COUNTED_MAX: usize = 10_000;
/// Wrong secrets of one client in a minute.
pub const TOKEN_FAILURES_PER_MINUTE_MAX: u32 = 10;
/// Requests of one client in a minute where the configuration does not say.
pub const API_REQUESTS_PER_MINUTE_DEFAULT: u32 = 6000;
/// How long an answer is kept to be given again to the same `Idempotency-Key`.
pub const API_ANSWER_MEMORY: Duration = Duration::from_secs(24 * 3600);
/// How long it is kept who called what.
pub const API_CALL_MEMORY: Duration = Duration::from_secs(90 * 24 * 3600);
/// Calls that wait to be written down: some seconds of the highest rate.
pub const API_CALLS_WAITING_MAX: usize = 65_536;
/// Seconds of which it is remembered what was visible in them: more than an hour of polls.
pub const API_SECONDS_REMEMBERED_MAX: usize = 4096;
/// Counts of filters that are kept until the roster changes.
pub const API_COUNTS_KEPT_MAX: usize = 1024;
/// Sync jobs of one roster that are under way or wait.
pub const SYNC_JOBS_OPEN_MAX: usize = 50;
/// How long a sync job is kept after its end.
pub const SYNC_JOB_MEMORY: Duration = Duration::from_secs(30 * 24 * 3600);

/// Characters of the dashboard's password: what nobody guesses at the pace of
/// [`DASHBOARD_TRIES_ALL_MAX`], whatever the words are.
pub const DASHBOARD_PASSWORD_CHARS_MIN: usize = 16;
/// Different wrong passwords from one address within [`DASHBOARD_TRIES_WINDOW`], or from one
/// browser that somebody signed in with before.
pub const DASHBOARD_TRIES_EACH_MAX: usize = 10;
/// Wrong passwords from all addresses together from which nobody was right yet.
pub const DASHBOARD_TRIES_ALL_MAX: usize = 100;
/// How long wrong passwords are counted together.
pub const DASHBOARD_TRIES_WINDOW: Duration = Duration::from_secs(15 * 60);
/// Addresses from which somebody was right that are remembered; then the one that was right the
/// longest ago is forgotten.
pub const DASHBOARD_ADDRESSES_KNOWN_MAX: usize = 64;
/// Sessions of the dashboard that are open at once; then the oldest ends.
pub const DASHBOARD_SESSIONS_MAX: usize = 32;
/// How long a session lasts: a working day, however often the page loads itself again.
pub const DASHBOARD_SESSION_LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// How long a browser that somebody signed in with is known again: longer than a holiday.
pub const DASHBOARD_BROWSER_LIFETIME: Duration = Duration::from_secs(180 * 24 * 3600);
/// Bytes of the form that somebody signs in with.
pub const DASHBOARD_FORM_BYTES_MAX: usize = 4 * 1024;
/// How old what the dashboard shows may be: whoever asks more often is answered from memory.
pub const DASHBOARD_RECHECK: Duration = Duration::from_secs(5);
/// How often the dashboard's first page loads itself again, and one that could not be made.
pub const DASHBOARD_REFRESH: Duration = Duration::from_secs(30);
/// Rows of one page of the dashboard, of each kind and mirror.
pub const DASHBOARD_PAGE_ROWS: usize = 100;
/// Places between pages that are remembered; then the oldest is forgotten.
pub const DASHBOARD_PLACES_MAX: usize = 1000;
