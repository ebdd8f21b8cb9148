-- Schema 3 for SQLite: events that stand in the way. Keep in step with
-- migrations/postgres/0003_conflicts.sql.

-- What stands in the way of shifts now.
CREATE TABLE conflict (
    mirror   TEXT    NOT NULL,
    calendar TEXT    NOT NULL,
    kind     TEXT    NOT NULL,                 -- of the shift
    id       TEXT    NOT NULL,                 -- of the shift
    event    TEXT    NOT NULL,                 -- hash of the event's id
    open     INTEGER NOT NULL,                 -- 1: somebody may want to look at it
    body     TEXT    NOT NULL,                 -- all of it, as JSON
    PRIMARY KEY (mirror, calendar, kind, id, event)
) WITHOUT ROWID, STRICT;

CREATE INDEX conflict_open ON conflict (mirror, open);

-- When each calendar was last looked at.
CREATE TABLE conflict_look (
    mirror   TEXT    NOT NULL,
    calendar TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (mirror, calendar)
) WITHOUT ROWID, STRICT;

-- What was done to people's events, with all that is needed to take it back.
CREATE TABLE event_change (
    id         TEXT    NOT NULL PRIMARY KEY,
    mirror     TEXT    NOT NULL,
    calendar   TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    unsettled  INTEGER NOT NULL,               -- 1: nobody knows what came of it
    at         INTEGER NOT NULL,
    kept_until INTEGER NOT NULL,
    shifts     TEXT    NOT NULL,               -- as JSON
    note       TEXT,                           -- what the shifts' items tell of it, as JSON
    body       TEXT    NOT NULL                -- all of it, as JSON
) WITHOUT ROWID, STRICT;

CREATE INDEX event_change_by_calendar ON event_change (mirror, calendar, at, id);
CREATE INDEX event_change_by_state ON event_change (mirror, state);
CREATE INDEX event_change_unsettled ON event_change (mirror, calendar, at, id) WHERE unsettled = 1;
CREATE INDEX event_change_noted ON event_change (mirror, at, id)
    WHERE state = 'done' AND note IS NOT NULL;
CREATE INDEX event_change_by_age ON event_change (mirror, kept_until);

-- As in 0001: what ANALYZE would find out on a large store.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('conflict', 'conflict', '2000 500 2 2 1 1 sz=300'),
    ('conflict', 'conflict_open', '2000 500 250 sz=20'),
    ('conflict_look', 'conflict_look', '20000 5000 1 sz=60'),
    ('event_change', 'event_change', '2000 1 sz=3000'),
    ('event_change', 'event_change_by_calendar', '2000 500 2 1 1 sz=90'),
    ('event_change', 'event_change_by_state', '2000 500 100 sz=40'),
    ('event_change', 'event_change_unsettled', '20 5 1 1 1 sz=90'),
    ('event_change', 'event_change_noted', '1000 250 2 1 sz=60'),
    ('event_change', 'event_change_by_age', '2000 500 2 sz=40');
ANALYZE sqlite_schema;

PRAGMA user_version = 3;
