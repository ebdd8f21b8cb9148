-- Schema 5 for PostgreSQL: what sources want remembered. Keep in step with
-- migrations/sqlite/0005_source_marks.sql.

CREATE TABLE source_mark (
    roster TEXT COLLATE "C" NOT NULL,
    name   TEXT COLLATE "C" NOT NULL,
    value  TEXT NOT NULL,                      -- opaque; up to some ten thousand characters
    PRIMARY KEY (roster, name)
);

INSERT INTO schema_version (version) VALUES (5);
