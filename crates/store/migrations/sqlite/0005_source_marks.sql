-- Schema 5 for SQLite: what sources want remembered. Keep in step with
-- migrations/postgres/0005_source_marks.sql.

CREATE TABLE source_mark (
    roster TEXT NOT NULL,
    name   TEXT NOT NULL,
    value  TEXT NOT NULL,                      -- opaque; up to some ten thousand characters
    PRIMARY KEY (roster, name)
) STRICT;

PRAGMA user_version = 5;
