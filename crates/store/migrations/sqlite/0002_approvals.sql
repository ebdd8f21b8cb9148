-- Schema 2 for SQLite: what people ask for. Keep in step with migrations/postgres/0002_approvals.sql.
--
-- Remote ids are kept as JSON texts, quotes and escapes included: a vendor's may hold characters
-- that PostgreSQL takes in no text, or that separate our records.

-- What was written to a calendar and is not shown to everybody yet.
ALTER TABLE calendar ADD COLUMN unpublished_start INTEGER;
ALTER TABLE calendar ADD COLUMN unpublished_end INTEGER;

-- Where the item is, else where it is to be; and where it is to be when it is elsewhere now.
ALTER TABLE ledger ADD COLUMN remote_id TEXT;
ALTER TABLE ledger ADD COLUMN intended_id TEXT;
UPDATE ledger SET
    remote_id = coalesce(remote -> '$.id', intent -> '$.remote_id'),
    intended_id = CASE WHEN intent -> '$.remote_id' <> remote -> '$.id'
                       THEN intent -> '$.remote_id' END
    WHERE remote IS NOT NULL OR intent IS NOT NULL;

CREATE INDEX ledger_by_remote ON ledger (mirror, remote_id) WHERE remote_id IS NOT NULL;
CREATE INDEX ledger_by_intended ON ledger (mirror, intended_id) WHERE intended_id IS NOT NULL;

-- What is not over yet is little; all that ever began is much.
CREATE INDEX entity_by_end ON entity (roster, kind, deleted_at, ends_at, starts_at);

CREATE TABLE request (
    mirror     TEXT    NOT NULL,
    remote_id  TEXT    NOT NULL,
    pending    INTEGER NOT NULL,               -- 1: somebody is still to say something
    changed_at INTEGER NOT NULL,
    approve_at INTEGER,                        -- from when on it is to be granted in the mirror
    body       TEXT    NOT NULL,               -- all of it, as JSON
    PRIMARY KEY (mirror, remote_id)
) WITHOUT ROWID, STRICT;

CREATE INDEX request_by_change ON request (mirror, changed_at DESC, remote_id);
CREATE INDEX request_pending ON request (mirror, changed_at DESC, remote_id) WHERE pending = 1;
CREATE INDEX request_to_approve ON request (mirror, approve_at, remote_id)
    WHERE approve_at IS NOT NULL;

CREATE TABLE granted (
    mirror TEXT    NOT NULL,
    key    BLOB    NOT NULL,                   -- fingerprint of what the ask means
    at     INTEGER NOT NULL,
    body   TEXT    NOT NULL,                   -- all of it, as JSON
    PRIMARY KEY (mirror, key)
) WITHOUT ROWID, STRICT;

CREATE INDEX granted_by_age ON granted (mirror, at);

-- As in 0001: what ANALYZE would find out on a large store.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('entity', 'entity_by_end', '200000 100000 40000 35000 40 30 1 sz=90'),
    ('ledger', 'ledger_by_remote', '200000 50000 1 1 1 1 sz=120'),
    ('ledger', 'ledger_by_intended', '200 50 1 1 1 1 sz=120'),
    ('request', 'request', '20000 5000 1 sz=600'),
    ('request', 'request_by_change', '20000 5000 2 1 sz=80'),
    ('request', 'request_pending', '1000 250 2 1 sz=80'),
    ('request', 'request_to_approve', '200 50 2 1 sz=80'),
    ('granted', 'granted', '20000 5000 1 sz=600'),
    ('granted', 'granted_by_age', '20000 5000 2 1 sz=60');
ANALYZE sqlite_schema;

PRAGMA user_version = 2;
