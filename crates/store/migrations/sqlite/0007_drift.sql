-- Schema 7 for SQLite: what people did to our items, and whom vendors tell of changes. Keep in
-- step with migrations/postgres/0007_drift.sql.

CREATE TABLE drift (
    mirror   TEXT    NOT NULL,
    calendar TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    id       TEXT    NOT NULL,
    part     TEXT    NOT NULL,                 -- empty: the item that every entity has
    standing TEXT    NOT NULL,                 -- repeats what `body` says, to be counted
    body     TEXT    NOT NULL,                 -- all of it, as JSON
    PRIMARY KEY (mirror, calendar, kind, id, part)
) WITHOUT ROWID, STRICT;

CREATE TABLE subscription (
    connection  TEXT    NOT NULL,
    id          TEXT    NOT NULL,              -- the vendor's
    mirror      TEXT,                          -- null, with `calendar`: about a source
    calendar    TEXT,
    detail      TEXT    NOT NULL,
    expires_at  INTEGER NOT NULL,
    made_at     INTEGER NOT NULL,
    secret_hash BLOB    NOT NULL,
    PRIMARY KEY (connection, id)
) WITHOUT ROWID, STRICT;

-- As in 0001: what ANALYZE would find out on a large store.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('drift', 'drift', '2000 500 4 2 1 1 sz=400'),
    ('subscription', 'subscription', '20000 5000 1 sz=300');
ANALYZE sqlite_schema;

PRAGMA user_version = 7;
