-- Schema 6 for SQLite: an entity can be several items in one calendar. Keep in step with
-- migrations/postgres/0006_parts.sql.
--
-- The part is in the key, and SQLite changes no key in place: the table is made anew. Rows that
-- are there are those of the main part, which the empty text stands for.

CREATE TABLE ledger_6 (
    mirror         TEXT    NOT NULL,
    kind           TEXT    NOT NULL,
    id             TEXT    NOT NULL,
    calendar       TEXT    NOT NULL,
    part           TEXT    NOT NULL,           -- empty: the item that every entity has
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
    remote_id      TEXT,                       -- where the item is, else where it is to be
    intended_id    TEXT,                       -- where it is to be, when it is elsewhere now
    PRIMARY KEY (mirror, kind, id, calendar, part)
) WITHOUT ROWID, STRICT;

INSERT INTO ledger_6 (mirror, kind, id, calendar, part, unsettled, intent_state, quarantined_at,
                      employee, ends_at, changed_at, generation, remote, intent, trouble,
                      remote_id, intended_id)
    SELECT mirror, kind, id, calendar, '', unsettled, intent_state, quarantined_at,
           employee, ends_at, changed_at, generation, remote, intent, trouble,
           remote_id, intended_id
    FROM ledger ORDER BY mirror, kind, id, calendar;

DROP TABLE ledger;
ALTER TABLE ledger_6 RENAME TO ledger;

CREATE INDEX ledger_by_calendar ON ledger (mirror, calendar);
CREATE INDEX ledger_unsettled ON ledger (mirror, kind, id) WHERE unsettled = 1;
CREATE INDEX ledger_by_remote ON ledger (mirror, remote_id) WHERE remote_id IS NOT NULL;
CREATE INDEX ledger_by_intended ON ledger (mirror, intended_id) WHERE intended_id IS NOT NULL;

-- As in 0001: what ANALYZE would find out on a large store.
DELETE FROM sqlite_stat1 WHERE tbl IN ('ledger', 'ledger_6');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('ledger', 'ledger', '200000 50000 20000 2 1 1 sz=400'),
    ('ledger', 'ledger_by_calendar', '200000 50000 90 40 1 1 sz=90'),
    ('ledger', 'ledger_unsettled', '1000 250 100 2 1 1 sz=80'),
    ('ledger', 'ledger_by_remote', '200000 50000 1 1 1 1 1 sz=120'),
    ('ledger', 'ledger_by_intended', '200 50 1 1 1 1 1 sz=120');
ANALYZE sqlite_schema;

PRAGMA user_version = 6;
