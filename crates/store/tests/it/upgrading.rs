//! A store that an earlier version wrote: refused until it is migrated, then as good as new.

use domain::Entity;
use engine::port::{ChangeSeq, RemoteId, Store, StoreError};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};
use store::{Migrated, SCHEMA_VERSION};
use testkit::builders::{approvals, calendar, ingest, mirror, roster, shift, shift_key};

use crate::databases::{Server, sqlite_url};

const PRINT: &str = "00112233445566778899aabbccddeeff";

/// Where the items of the rows are, and where they are to be.
const PLACES: [(&str, Option<&str>, Option<&str>); 6] = [
    ("there", Some("/dav/a%20b.ics"), None),
    ("coming", None, Some("it's \"so\" \\ 夜勤")),
    ("moving", Some("\u{0}\u{1e}\u{1f}\n"), Some("r2")),
    ("staying", Some("r3"), Some("r3")),
    ("undecided", Some("r4"), None),
    ("nowhere", None, None),
];

fn quoted(text: Option<String>) -> String {
    text.map_or("NULL".into(), |text| format!("'{}'", text.replace('\'', "''")))
}

/// What schema 1 held of [`PLACES`], a shift and a calendar, in either dialect.
fn schema_1_rows() -> Vec<String> {
    let json = |text: &str| serde_json::to_string(text).unwrap();
    let ledger = PLACES.map(|(id, is_at, will_be_at)| {
        let remote = is_at.map(|it| {
            format!(r#"{{"id":{},"etag":"\"1\"","intended":"{PRINT}","version":1}}"#, json(it))
        });
        let mut intent = will_be_at.map(|it| {
            format!(
                r#"{{"verb":"update","fingerprint":"{PRINT}","remote_id":{},"state":"sent",{}}}"#,
                json(it),
                r#""attempts":1,"not_before_ms":1000"#
            )
        });
        if id == "undecided" {
            intent = Some(format!(
                r#"{{"verb":"delete","fingerprint":"{PRINT}","state":"planned","attempts":0}}"#
            ));
        }
        format!(
            "INSERT INTO ledger (mirror, kind, id, calendar, unsettled, intent_state, changed_at, \
             generation, remote, intent) VALUES ('{}', 'shift', '{id}', 'team', {}, {}, 7, 0, {}, \
             {})",
            mirror(),
            u8::from(intent.is_some() || remote.is_none()),
            quoted(intent.as_ref().map(|_| "sent".into())),
            quoted(remote),
            quoted(intent),
        )
    });
    let early = Entity::Shift(shift("early", "ada", 6));
    let interval = early.interval().unwrap();
    let entity = format!(
        "INSERT INTO entity (roster, kind, id, seq, version, fingerprint, employee, starts_at, \
         ends_at, changed_at, source_at, body) VALUES ('{}', 'shift', 'early', 4, 3, \
         unhex('{}'), 'ada', {}, {}, 7, 'a.csv:2', {})",
        roster(),
        early.fingerprint(),
        interval.start().as_millisecond(),
        interval.end().as_millisecond(),
        quoted(Some(serde_json::to_string(&early).unwrap())),
    );
    let others = [
        format!("INSERT INTO roster (name, seq) VALUES ('{}', 4)", roster()),
        format!("INSERT INTO mirror (name, seq) VALUES ('{}', 4)", mirror()),
        format!(
            "INSERT INTO calendar (mirror, calendar, read_at, token) \
             VALUES ('{}', 'team', 7, 't1')",
            mirror()
        ),
    ];
    ledger.into_iter().chain([entity]).chain(others).collect()
}

/// Refused as it is, migrated once, and then everything is there.
async fn upgrade(url: &str) {
    assert_eq!(store::version(url).await.unwrap(), 1);
    let Err(error) = store::open(url).await else {
        panic!("`{url}` was opened");
    };
    let expected = SCHEMA_VERSION;
    assert!(matches!(error, StoreError::Version { found: 1, expected: it } if it == expected));
    assert_eq!(store::migrate(url).await.unwrap(), Migrated { from: 1, to: SCHEMA_VERSION });
    assert_eq!(
        store::migrate(url).await.unwrap(),
        Migrated { from: SCHEMA_VERSION, to: SCHEMA_VERSION }
    );
    let store = store::open(url).await.unwrap();
    everything_is_there(&*store).await;
    everything_can_be_written(&*store).await;
}

async fn everything_is_there(store: &dyn Store) {
    let rows = store.ledger_of_calendar(&mirror(), &calendar("team")).await.unwrap();
    assert_eq!(rows.len(), PLACES.len());
    for (id, is_at, will_be_at) in PLACES {
        for place in [is_at, will_be_at].into_iter().flatten() {
            let place = [RemoteId(place.into())];
            let found = store.ledger_at(&mirror(), None, &place).await.unwrap();
            let expected: Vec<_> =
                rows.iter().filter(|row| row.key == shift_key(id)).cloned().collect();
            assert_eq!(found, expected, "{id}");
            let remote = found[0].remote.as_ref().map(|it| it.id.0.as_str());
            assert_eq!(remote, is_at);
        }
    }
    let [state] = &store.calendar_states(&mirror()).await.unwrap()[..] else {
        panic!("expected one calendar");
    };
    assert_eq!((state.token.as_ref().unwrap().0.as_str(), state.unpublished), ("t1", None));
    assert_eq!(store.roster_index(&roster()).await.unwrap().0, ChangeSeq(4));
    assert_eq!(store.requests(&mirror(), false, 9).await.unwrap(), []);
}

async fn everything_can_be_written(store: &dyn Store) {
    let late = Entity::Shift(shift("early", "ada", 14));
    let decided = approvals(ChangeSeq(4), [late]);
    let receipt = store.commit_approvals(&roster(), &mirror(), decided).await.unwrap();
    assert_eq!(receipt.seq, ChangeSeq(5));
    let new = Entity::Shift(shift("new", "ada", 6));
    store.commit_ingest(&roster(), ingest(ChangeSeq(5), [new])).await.unwrap();
    let entries = store.roster_entries(&roster(), &[shift_key("early")]).await.unwrap();
    assert_eq!(entries[0].version, 4);
}

#[tokio::test]
async fn a_sqlite_store_of_schema_1_is_upgraded_with_its_data() {
    const SCHEMA_1: &str = include_str!("../../migrations/sqlite/0001_store.sql");
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_url(&folder);
    let mut connection = SqliteConnection::connect(&format!("{url}?mode=rwc")).await.unwrap();
    connection.execute(SCHEMA_1).await.unwrap();
    for row in schema_1_rows() {
        connection.execute(AssertSqlSafe(row)).await.unwrap();
    }
    connection.close().await.unwrap();
    upgrade(&url).await;
}

#[tokio::test]
async fn a_postgres_store_of_schema_1_is_upgraded_with_its_data() {
    const SCHEMA_1: &str = include_str!("../../migrations/postgres/0001_store.sql");
    let Some(server) = Server::find() else {
        return;
    };
    let url = server.fresh().await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    connection.execute(sqlx::raw_sql(SCHEMA_1)).await.unwrap();
    for row in schema_1_rows() {
        connection.execute(AssertSqlSafe(row)).await.unwrap();
    }
    connection.close().await.unwrap();
    upgrade(&url).await;
    server.clean().await;
}
