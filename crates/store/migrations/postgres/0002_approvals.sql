-- Schema 2 for PostgreSQL: what people ask for. Keep in step with
-- migrations/sqlite/0002_approvals.sql.
--
-- Remote ids are kept as JSON texts, quotes and escapes included: a vendor's may hold characters
-- that PostgreSQL takes in no text, or that separate our records.

-- What was written to a calendar and is not shown to everybody yet.
ALTER TABLE calendar ADD COLUMN unpublished_start BIGINT;
ALTER TABLE calendar ADD COLUMN unpublished_end BIGINT;

-- Where the item is, else where it is to be; and where it is to be when it is elsewhere now.
ALTER TABLE ledger ADD COLUMN remote_id TEXT COLLATE "C";
ALTER TABLE ledger ADD COLUMN intended_id TEXT COLLATE "C";
-- Cut out of the texts as schema 1 wrote them, and not by `->`, which refuses `\u0000`.
WITH place AS (
    SELECT mirror, kind, id, calendar,
           substring(remote FROM '^\{"id":("(?:[^"\\]|\\.)*")') AS is_at,
           substring(intent FROM '^\{"verb":"[a-z]+","fingerprint":"[0-9a-f]+",'
                                 '"remote_id":("(?:[^"\\]|\\.)*")') AS will_be_at
    FROM ledger WHERE remote IS NOT NULL OR intent IS NOT NULL
)
UPDATE ledger SET
    remote_id = coalesce(is_at, will_be_at),
    intended_id = CASE WHEN will_be_at <> is_at THEN will_be_at END
    FROM place WHERE ledger.mirror = place.mirror AND ledger.kind = place.kind
        AND ledger.id = place.id AND ledger.calendar = place.calendar;
ALTER TABLE ledger ALTER COLUMN remote_id SET (n_distinct = -1);
ALTER TABLE ledger ALTER COLUMN intended_id SET (n_distinct = -1);

CREATE INDEX ledger_by_remote ON ledger (mirror, remote_id) WHERE remote_id IS NOT NULL;
CREATE INDEX ledger_by_intended ON ledger (mirror, intended_id) WHERE intended_id IS NOT NULL;

-- What is not over yet is little; all that ever began is much.
CREATE INDEX entity_by_end ON entity (roster, kind, deleted_at, ends_at, starts_at);

CREATE TABLE request (
    mirror         TEXT COLLATE "C" NOT NULL,
    remote_id      TEXT COLLATE "C" NOT NULL,
    pending        BIGINT NOT NULL,  -- 1: somebody is still to say something
    changed_at     BIGINT NOT NULL,
    approve_at     BIGINT,  -- from when on it is to be granted in the mirror
    body           TEXT COLLATE "C" NOT NULL,  -- all of it, as JSON
    PRIMARY KEY (mirror, remote_id)
);

CREATE INDEX request_by_change ON request (mirror, changed_at DESC, remote_id);
CREATE INDEX request_pending ON request (mirror, changed_at DESC, remote_id) WHERE pending = 1;
CREATE INDEX request_to_approve ON request (mirror, approve_at, remote_id)
    WHERE approve_at IS NOT NULL;

CREATE TABLE granted (
    mirror         TEXT COLLATE "C" NOT NULL,
    key            BYTEA NOT NULL,  -- fingerprint of what the ask means
    at             BIGINT NOT NULL,
    body           TEXT COLLATE "C" NOT NULL,  -- all of it, as JSON
    PRIMARY KEY (mirror, key)
);

CREATE INDEX granted_by_age ON granted (mirror, at);

-- As in 0001: told to the planner before its first own ANALYZE. The tables are new, so empty.
ALTER TABLE request ALTER COLUMN mirror SET (n_distinct = 2);
ALTER TABLE granted ALTER COLUMN mirror SET (n_distinct = 2);
INSERT INTO request (mirror, remote_id, pending, changed_at, approve_at, body)
    SELECT n, n, CASE WHEN n % 20 = 0 THEN 1 ELSE 0 END, n, CASE WHEN n % 100 = 0 THEN n END,
           repeat(' ', 300) FROM generate_series(1, 1000) AS n;
INSERT INTO granted (mirror, key, at, body)
    SELECT n, decode(md5(n::text), 'hex'), n, repeat(' ', 300) FROM generate_series(1, 1000) AS n;
ANALYZE request, granted;
TRUNCATE request, granted;

INSERT INTO schema_version (version) VALUES (2);
