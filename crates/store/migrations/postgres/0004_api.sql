-- Schema 4 for PostgreSQL: the Schedule API. Keep in step with migrations/sqlite/0004_api.sql.

-- Of which group an entity is: what the body says, to be looked for. Cut out of the text first:
-- `->>` reads all of a body, and refuses `\u0000` wherever in it.
ALTER TABLE entity ADD COLUMN schedule_group TEXT COLLATE "C";
UPDATE entity SET schedule_group = CASE kind WHEN 'schedule_group' THEN id
    ELSE (substring(body FROM '"group":("(?:[^"\\]|\\.)*")'))::json #>> '{}' END;
ALTER TABLE entity ALTER COLUMN schedule_group SET (n_distinct = -0.001);

CREATE INDEX entity_by_group ON entity (roster, kind, schedule_group, ends_at, starts_at, id)
    WHERE deleted_at IS NULL AND schedule_group IS NOT NULL;

-- When a roster changed: the instant of each commit, and the place in the sequence before it.
CREATE TABLE roster_change (
    roster         TEXT COLLATE "C" NOT NULL,
    at             BIGINT NOT NULL,
    seq            BIGINT NOT NULL,
    PRIMARY KEY (roster, at, seq)
);

-- What is true of the store as a whole.
CREATE TABLE store_mark (
    name           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value          TEXT COLLATE "C" NOT NULL
);

CREATE TABLE api_client (
    id             TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name           TEXT COLLATE "C" NOT NULL,
    secret_hash    BYTEA NOT NULL,
    roster         TEXT COLLATE "C" NOT NULL,
    scopes         TEXT COLLATE "C" NOT NULL,  -- separated by spaces
    created_at     BIGINT NOT NULL,
    revoked_at     BIGINT
);

CREATE UNIQUE INDEX api_client_by_name ON api_client (name) WHERE revoked_at IS NULL;

CREATE TABLE api_token (
    hash           BYTEA NOT NULL PRIMARY KEY,
    client         TEXT COLLATE "C" NOT NULL,
    scopes         TEXT COLLATE "C" NOT NULL,
    expires_at     BIGINT NOT NULL
);

CREATE INDEX api_token_by_client ON api_token (client, expires_at);
CREATE INDEX api_token_by_end ON api_token (expires_at);

-- Answers that are given again to the same key.
CREATE TABLE api_answer (
    client         TEXT COLLATE "C" NOT NULL,
    key            TEXT COLLATE "C" NOT NULL,
    at             BIGINT NOT NULL,
    request        BYTEA NOT NULL,  -- fingerprint of what was asked
    kind           TEXT COLLATE "C" NOT NULL,
    id             TEXT COLLATE "C" NOT NULL,
    version        BIGINT NOT NULL,
    body           TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (client, key)
);

CREATE INDEX api_answer_by_age ON api_answer (at);

CREATE TABLE sync_job (
    id             TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    roster         TEXT COLLATE "C" NOT NULL,
    print          BYTEA NOT NULL,  -- fingerprint of what is asked for
    created_at     BIGINT NOT NULL,
    ended_at       BIGINT,
    body           TEXT COLLATE "C" NOT NULL  -- all of it, as JSON
);

CREATE UNIQUE INDEX sync_job_open ON sync_job (roster, print) WHERE ended_at IS NULL;
CREATE INDEX sync_job_by_end ON sync_job (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE api_call (
    number         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at             BIGINT NOT NULL,
    client         TEXT COLLATE "C",
    operation      TEXT COLLATE "C" NOT NULL,
    target         TEXT COLLATE "C",
    status         BIGINT NOT NULL,
    context        TEXT COLLATE "C"
);

CREATE INDEX api_call_by_age ON api_call (at);
CREATE INDEX api_call_by_client ON api_call (client, number);

INSERT INTO schema_version (version) VALUES (4);
