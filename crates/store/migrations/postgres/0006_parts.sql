-- Schema 6 for PostgreSQL: an entity can be several items in one calendar. Keep in step with
-- migrations/sqlite/0006_parts.sql.
--
-- Rows that are there are those of the main part, which the empty text stands for.

ALTER TABLE ledger ADD COLUMN part TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE ledger ALTER COLUMN part DROP DEFAULT;
ALTER TABLE ledger DROP CONSTRAINT ledger_pkey;
ALTER TABLE ledger ADD CONSTRAINT ledger_pkey PRIMARY KEY (mirror, kind, id, calendar, part);

INSERT INTO schema_version (version) VALUES (6);
