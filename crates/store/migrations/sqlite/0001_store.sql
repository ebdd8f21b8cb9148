-- Schema 1 for SQLite. Keep in step with migrations/postgres/0001_store.sql.
--
-- Instants are milliseconds since 1970-01-01T00:00Z. Fingerprints and hashes are raw bytes.
-- Texts compare byte by byte (BINARY), as Rust does; every order that the port promises needs it.
-- Tables are clustered by their key (WITHOUT ROWID): almost every read is a walk along one.

CREATE TABLE roster (
    name         TEXT    NOT NULL PRIMARY KEY,
    seq          INTEGER NOT NULL,             -- last place in the change sequence
    token        TEXT,                         -- where the source resumes
    window_start INTEGER,
    window_end   INTEGER,
    read_at      INTEGER
) WITHOUT ROWID, STRICT;

CREATE TABLE entity (
    roster      TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    seq         INTEGER NOT NULL,              -- where its last change stands
    version     INTEGER NOT NULL,
    fingerprint BLOB    NOT NULL,
    twin        BLOB,
    employee    TEXT,                          -- whose it is; an employee is their own
    starts_at   INTEGER,
    ends_at     INTEGER,
    changed_at  INTEGER NOT NULL,
    deleted_at  INTEGER,                       -- set: a tombstone
    source_at   TEXT    NOT NULL,
    body        TEXT    NOT NULL,              -- the entity as JSON; last, because it is long
    PRIMARY KEY (roster, kind, id)
) WITHOUT ROWID, STRICT;

CREATE INDEX entity_by_change ON entity (roster, kind, seq);
CREATE INDEX entity_by_start ON entity (roster, kind, deleted_at, starts_at);
CREATE INDEX entity_by_employee ON entity (roster, employee, ends_at) WHERE deleted_at IS NULL;

CREATE TABLE identity_hint (
    roster      TEXT NOT NULL,
    kind        TEXT NOT NULL,
    id          TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    PRIMARY KEY (roster, kind, id)
) WITHOUT ROWID, STRICT;

CREATE TABLE mirror (
    name       TEXT    NOT NULL PRIMARY KEY,
    seq        INTEGER NOT NULL,               -- up to where the roster was planned
    window_end INTEGER,
    profile    BLOB
) WITHOUT ROWID, STRICT;

CREATE TABLE calendar (
    mirror   TEXT NOT NULL,
    calendar TEXT NOT NULL,
    read_at  INTEGER,
    token    TEXT,
    PRIMARY KEY (mirror, calendar)
) WITHOUT ROWID, STRICT;

CREATE TABLE ledger (
    mirror         TEXT    NOT NULL,
    kind           TEXT    NOT NULL,
    id             TEXT    NOT NULL,
    calendar       TEXT    NOT NULL,
    unsettled      INTEGER NOT NULL,           -- 1: has an intent, no item, or is set aside
    intent_state   TEXT,                       -- repeats what `intent` says, to be counted
    quarantined_at INTEGER,
    employee       TEXT,
    ends_at        INTEGER,
    changed_at     INTEGER NOT NULL,
    generation     INTEGER NOT NULL,
    remote         TEXT,                       -- JSON; see src/ledger/row.rs
    intent         TEXT,                       -- JSON
    trouble        TEXT,                       -- JSON
    PRIMARY KEY (mirror, kind, id, calendar)
) WITHOUT ROWID, STRICT;

CREATE INDEX ledger_by_calendar ON ledger (mirror, calendar);
CREATE INDEX ledger_unsettled ON ledger (mirror, kind, id) WHERE unsettled = 1;

CREATE TABLE lease (
    domain TEXT    NOT NULL PRIMARY KEY,
    owner  TEXT    NOT NULL,                   -- empty: given back
    epoch  INTEGER NOT NULL,                   -- never reset, so that it never repeats
    until  INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE audit (
    number   INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    mirror   TEXT    NOT NULL,
    calendar TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    id       TEXT    NOT NULL,
    verb     TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    detail   TEXT    NOT NULL
) STRICT;

CREATE INDEX audit_by_entity ON audit (kind, id);

CREATE TABLE report (
    subject TEXT    NOT NULL PRIMARY KEY,
    at      INTEGER NOT NULL,
    body    TEXT    NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE feed_link (
    id         TEXT    NOT NULL PRIMARY KEY,
    token_hash BLOB    NOT NULL UNIQUE,
    roster     TEXT    NOT NULL,
    employee   TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) WITHOUT ROWID, STRICT;

CREATE TABLE feed_key (
    id         TEXT    NOT NULL PRIMARY KEY,
    secret     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    retires_at INTEGER
) WITHOUT ROWID, STRICT;

-- What SQLite's planner would find out by ANALYZE on a large store: rows in all, then rows per
-- value of the first column, of the first two, and so on (https://www.sqlite.org/fileformat2.html,
-- "The sqlite_stat1 table"). Written down, so that every store has the same plans from the first
-- row on; without them it takes "one roster" to be ten rows and walks over all of it.
ANALYZE;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('roster', 'roster', '4 1'),
    ('mirror', 'mirror', '4 1'),
    ('lease', 'lease', '4000 1'),
    ('entity', 'entity', '200000 100000 40000 1 sz=600'),
    ('entity', 'entity_by_change', '200000 100000 40000 1 1 sz=80'),
    ('entity', 'entity_by_start', '200000 100000 40000 35000 40 1 sz=80'),
    ('entity', 'entity_by_employee', '180000 90000 90 1 1 1 sz=90'),
    ('ledger', 'ledger', '200000 50000 20000 2 1 sz=400'),
    ('ledger', 'ledger_by_calendar', '200000 50000 90 40 1 sz=90'),
    ('ledger', 'ledger_unsettled', '1000 250 100 2 1 sz=80'),
    ('audit', 'audit_by_entity', '400000 80000 4');
-- Makes the connection that runs this script read them, too.
ANALYZE sqlite_schema;

PRAGMA user_version = 1;
