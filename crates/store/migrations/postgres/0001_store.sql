-- Schema 1 for PostgreSQL. Keep in step with migrations/sqlite/0001_store.sql.
--
-- Instants are milliseconds since 1970-01-01T00:00Z. Fingerprints and hashes are raw bytes.
-- Texts compare byte by byte (collation "C"), as Rust does; every order that the port promises
-- needs it.

-- SQLite has these two; with them here, both databases take the same statements.
CREATE FUNCTION hex(bytea) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT encode($1, 'hex') $$;
CREATE FUNCTION unhex(text) RETURNS bytea
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT decode($1, 'hex') $$;

CREATE TABLE schema_version (
    version        BIGINT NOT NULL
);

CREATE TABLE roster (
    name           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    seq            BIGINT NOT NULL,  -- last place in the change sequence
    token          TEXT COLLATE "C",  -- where the source resumes
    window_start   BIGINT,
    window_end     BIGINT,
    read_at        BIGINT
);

CREATE TABLE entity (
    roster         TEXT COLLATE "C" NOT NULL,
    kind           TEXT COLLATE "C" NOT NULL,
    id             TEXT COLLATE "C" NOT NULL,
    seq            BIGINT NOT NULL,  -- where its last change stands
    version        BIGINT NOT NULL,
    fingerprint    BYTEA NOT NULL,
    twin           BYTEA,
    employee       TEXT COLLATE "C",  -- whose it is; an employee is their own
    starts_at      BIGINT,
    ends_at        BIGINT,
    changed_at     BIGINT NOT NULL,
    deleted_at     BIGINT,  -- set: a tombstone
    source_at      TEXT COLLATE "C" NOT NULL,
    body           TEXT COLLATE "C" NOT NULL,  -- the entity as JSON; last, because it is long
    PRIMARY KEY (roster, kind, id)
);

CREATE INDEX entity_by_change ON entity (roster, kind, seq);
CREATE INDEX entity_by_start ON entity (roster, kind, deleted_at, starts_at);
CREATE INDEX entity_by_employee ON entity (roster, employee, ends_at) WHERE deleted_at IS NULL;

CREATE TABLE identity_hint (
    roster         TEXT COLLATE "C" NOT NULL,
    kind           TEXT COLLATE "C" NOT NULL,
    id             TEXT COLLATE "C" NOT NULL,
    fingerprint    BYTEA NOT NULL,
    PRIMARY KEY (roster, kind, id)
);

CREATE TABLE mirror (
    name           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    seq            BIGINT NOT NULL,  -- up to where the roster was planned
    window_end     BIGINT,
    profile        BYTEA
);

CREATE TABLE calendar (
    mirror         TEXT COLLATE "C" NOT NULL,
    calendar       TEXT COLLATE "C" NOT NULL,
    read_at        BIGINT,
    token          TEXT COLLATE "C",
    PRIMARY KEY (mirror, calendar)
);

CREATE TABLE ledger (
    mirror         TEXT COLLATE "C" NOT NULL,
    kind           TEXT COLLATE "C" NOT NULL,
    id             TEXT COLLATE "C" NOT NULL,
    calendar       TEXT COLLATE "C" NOT NULL,
    unsettled      BIGINT NOT NULL,  -- 1: has an intent, no item, or is set aside
    intent_state   TEXT COLLATE "C",  -- repeats what `intent` says, to be counted
    quarantined_at BIGINT,
    employee       TEXT COLLATE "C",
    ends_at        BIGINT,
    changed_at     BIGINT NOT NULL,
    generation     BIGINT NOT NULL,
    remote         TEXT COLLATE "C",  -- JSON; see src/ledger/row.rs
    intent         TEXT COLLATE "C",  -- JSON
    trouble        TEXT COLLATE "C",  -- JSON
    PRIMARY KEY (mirror, kind, id, calendar)
);

CREATE INDEX ledger_by_calendar ON ledger (mirror, calendar);
CREATE INDEX ledger_unsettled ON ledger (mirror, kind, id) WHERE unsettled = 1;

CREATE TABLE lease (
    domain         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    owner          TEXT COLLATE "C" NOT NULL,  -- empty: given back
    epoch          BIGINT NOT NULL,  -- never reset, so that it never repeats
    until          BIGINT NOT NULL
);

CREATE TABLE audit (
    number         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at             BIGINT NOT NULL,
    mirror         TEXT COLLATE "C" NOT NULL,
    calendar       TEXT COLLATE "C" NOT NULL,
    kind           TEXT COLLATE "C" NOT NULL,
    id             TEXT COLLATE "C" NOT NULL,
    verb           TEXT COLLATE "C" NOT NULL,
    version        BIGINT NOT NULL,
    detail         TEXT COLLATE "C" NOT NULL
);

CREATE INDEX audit_by_entity ON audit (kind, id);

CREATE TABLE report (
    subject        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    at             BIGINT NOT NULL,
    body           TEXT COLLATE "C" NOT NULL
);

CREATE TABLE feed_link (
    id             TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    token_hash     BYTEA NOT NULL UNIQUE,
    roster         TEXT COLLATE "C" NOT NULL,
    employee       TEXT COLLATE "C" NOT NULL,
    created_at     BIGINT NOT NULL,
    revoked_at     BIGINT
);

CREATE TABLE feed_key (
    id             TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    secret         BYTEA NOT NULL,
    created_at     BIGINT NOT NULL,
    retires_at     BIGINT
);

-- What PostgreSQL's planner would find out by ANALYZE on a large store, told beforehand: in the
-- minutes before its first own ANALYZE it takes every store for tiny, and then one page of a first
-- sync took seconds. Texts that occur once leave no list of common values, only the numbers of
-- distinct ones that are set here (negative: per row); the rows themselves go again.
ALTER TABLE entity ALTER COLUMN roster SET (n_distinct = 2);
ALTER TABLE entity ALTER COLUMN kind SET (n_distinct = 4);
ALTER TABLE entity ALTER COLUMN employee SET (n_distinct = -0.01);
ALTER TABLE ledger ALTER COLUMN mirror SET (n_distinct = 2);
ALTER TABLE ledger ALTER COLUMN kind SET (n_distinct = 4);
ALTER TABLE ledger ALTER COLUMN calendar SET (n_distinct = -0.01);
ALTER TABLE audit ALTER COLUMN kind SET (n_distinct = 4);
INSERT INTO entity (roster, kind, id, seq, version, fingerprint, employee, starts_at, ends_at,
                    changed_at, source_at, body)
    SELECT n, n, n, n, 1, '', n, n, n, n, '', repeat(' ', 300) FROM generate_series(1, 1000) AS n;
INSERT INTO ledger (mirror, kind, id, calendar, unsettled, intent_state, changed_at, generation)
    SELECT n, n, n, n, CASE WHEN n % 100 = 0 THEN 1 ELSE 0 END,
           CASE WHEN n % 100 = 0 THEN 'sent' END, n, 0 FROM generate_series(1, 1000) AS n;
INSERT INTO audit (at, mirror, calendar, kind, id, verb, version, detail)
    SELECT n, n, n, n, n, n, 1, '' FROM generate_series(1, 1000) AS n;
ANALYZE entity, ledger, audit;
TRUNCATE entity, ledger, audit;

INSERT INTO schema_version (version) VALUES (1);
