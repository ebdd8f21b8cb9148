-- Schema 7 for PostgreSQL: what people did to our items, and whom vendors tell of changes. Keep
-- in step with migrations/sqlite/0007_drift.sql.

CREATE TABLE drift (
    mirror         TEXT COLLATE "C" NOT NULL,
    calendar       TEXT COLLATE "C" NOT NULL,
    kind           TEXT COLLATE "C" NOT NULL,
    id             TEXT COLLATE "C" NOT NULL,
    part           TEXT COLLATE "C" NOT NULL,  -- empty: the item that every entity has
    standing       TEXT COLLATE "C" NOT NULL,  -- repeats what `body` says, to be counted
    body           TEXT COLLATE "C" NOT NULL,  -- all of it, as JSON
    PRIMARY KEY (mirror, calendar, kind, id, part)
);

CREATE TABLE subscription (
    connection     TEXT COLLATE "C" NOT NULL,
    id             TEXT COLLATE "C" NOT NULL,  -- the vendor's
    mirror         TEXT COLLATE "C",  -- null, with `calendar`: about a source
    calendar       TEXT COLLATE "C",
    detail         TEXT COLLATE "C" NOT NULL,
    expires_at     BIGINT NOT NULL,
    made_at        BIGINT NOT NULL,
    secret_hash    BYTEA NOT NULL,
    PRIMARY KEY (connection, id)
);

-- As in 0001: told to the planner before its first own ANALYZE. The tables are new, so empty.
ALTER TABLE drift ALTER COLUMN mirror SET (n_distinct = 2);
ALTER TABLE subscription ALTER COLUMN connection SET (n_distinct = 2);

INSERT INTO schema_version (version) VALUES (7);
