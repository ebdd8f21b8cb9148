-- Schema 4 for SQLite: the Schedule API. Keep in step with migrations/postgres/0004_api.sql.

-- Of which group an entity is: what the body says, to be looked for.
ALTER TABLE entity ADD COLUMN schedule_group TEXT;
UPDATE entity SET schedule_group =
    CASE kind WHEN 'schedule_group' THEN id ELSE body ->> '$.group' END;

CREATE INDEX entity_by_group ON entity (roster, kind, schedule_group, ends_at, starts_at)
    WHERE deleted_at IS NULL AND schedule_group IS NOT NULL;

-- When a roster changed: the instant of each commit, and the place in the sequence before it.
CREATE TABLE roster_change (
    roster TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    seq    INTEGER NOT NULL,
    PRIMARY KEY (roster, at, seq)
) WITHOUT ROWID, STRICT;

-- What is true of the store as a whole.
CREATE TABLE store_mark (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE api_client (
    id          TEXT    NOT NULL PRIMARY KEY,
    name        TEXT    NOT NULL,
    secret_hash BLOB    NOT NULL,
    roster      TEXT    NOT NULL,
    scopes      TEXT    NOT NULL,              -- separated by spaces
    created_at  INTEGER NOT NULL,
    revoked_at  INTEGER
) WITHOUT ROWID, STRICT;

CREATE UNIQUE INDEX api_client_by_name ON api_client (name) WHERE revoked_at IS NULL;

CREATE TABLE api_token (
    hash       BLOB    NOT NULL PRIMARY KEY,
    client     TEXT    NOT NULL,
    scopes     TEXT    NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

CREATE INDEX api_token_by_client ON api_token (client, expires_at);
CREATE INDEX api_token_by_end ON api_token (expires_at);

-- Answers that are given again to the same key.
CREATE TABLE api_answer (
    client  TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    request BLOB    NOT NULL,                  -- fingerprint of what was asked
    kind    TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    version INTEGER NOT NULL,
    body    TEXT    NOT NULL,
    PRIMARY KEY (client, key)
) WITHOUT ROWID, STRICT;

CREATE INDEX api_answer_by_age ON api_answer (at);

CREATE TABLE sync_job (
    id         TEXT    NOT NULL PRIMARY KEY,
    roster     TEXT    NOT NULL,
    print      BLOB    NOT NULL,               -- fingerprint of what is asked for
    created_at INTEGER NOT NULL,
    ended_at   INTEGER,
    body       TEXT    NOT NULL                -- all of it, as JSON
) WITHOUT ROWID, STRICT;

CREATE UNIQUE INDEX sync_job_open ON sync_job (roster, print) WHERE ended_at IS NULL;
CREATE INDEX sync_job_by_end ON sync_job (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE api_call (
    number    INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    client    TEXT,
    operation TEXT    NOT NULL,
    target    TEXT,
    status    INTEGER NOT NULL,
    context   TEXT
) STRICT;

CREATE INDEX api_call_by_age ON api_call (at);
CREATE INDEX api_call_by_client ON api_call (client, number);

-- As in 0001: what ANALYZE would find out on a large store.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('entity', 'entity_by_group', '180000 90000 45000 900 2 2 1 sz=100'),
    ('roster_change', 'roster_change', '40000 10000 1 1 sz=40'),
    ('api_client', 'api_client', '20 1'),
    ('api_token', 'api_token', '1000 1 sz=120'),
    ('api_token', 'api_token_by_client', '1000 50 2 1 sz=80'),
    ('api_token', 'api_token_by_end', '1000 2 1 sz=60'),
    ('api_answer', 'api_answer', '10000 500 1 sz=500'),
    ('api_answer', 'api_answer_by_age', '10000 2 1 1 sz=60'),
    ('sync_job', 'sync_job', '1000 1 sz=800'),
    ('sync_job', 'sync_job_open', '10 3 1 1 sz=80'),
    ('sync_job', 'sync_job_by_end', '990 1 1 sz=60'),
    ('api_call', 'api_call_by_age', '1000000 2 sz=20'),
    ('api_call', 'api_call_by_client', '1000000 50000 1 sz=30');
ANALYZE sqlite_schema;

PRAGMA user_version = 4;
