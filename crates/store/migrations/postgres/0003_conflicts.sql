-- Schema 3 for PostgreSQL: events that stand in the way. Keep in step with
-- migrations/sqlite/0003_conflicts.sql.

-- What stands in the way of shifts now.
CREATE TABLE conflict (
    mirror         TEXT COLLATE "C" NOT NULL,
    calendar       TEXT COLLATE "C" NOT NULL,
    kind           TEXT COLLATE "C" NOT NULL,  -- of the shift
    id             TEXT COLLATE "C" NOT NULL,  -- of the shift
    event          TEXT COLLATE "C" NOT NULL,  -- hash of the event's id
    open           BIGINT NOT NULL,  -- 1: somebody may want to look at it
    body           TEXT COLLATE "C" NOT NULL,  -- all of it, as JSON
    PRIMARY KEY (mirror, calendar, kind, id, event)
);

CREATE INDEX conflict_open ON conflict (mirror, open);

-- When each calendar was last looked at.
CREATE TABLE conflict_look (
    mirror         TEXT COLLATE "C" NOT NULL,
    calendar       TEXT COLLATE "C" NOT NULL,
    at             BIGINT NOT NULL,
    PRIMARY KEY (mirror, calendar)
);

-- What was done to people's events, with all that is needed to take it back.
CREATE TABLE event_change (
    id             TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    mirror         TEXT COLLATE "C" NOT NULL,
    calendar       TEXT COLLATE "C" NOT NULL,
    state          TEXT COLLATE "C" NOT NULL,
    unsettled      BIGINT NOT NULL,  -- 1: nobody knows what came of it
    at             BIGINT NOT NULL,
    kept_until     BIGINT NOT NULL,
    shifts         TEXT COLLATE "C" NOT NULL,  -- as JSON
    note           TEXT COLLATE "C",  -- what the shifts' items tell of it, as JSON
    body           TEXT COLLATE "C" NOT NULL  -- all of it, as JSON
);

CREATE INDEX event_change_by_calendar ON event_change (mirror, calendar, at, id);
CREATE INDEX event_change_by_state ON event_change (mirror, state);
CREATE INDEX event_change_unsettled ON event_change (mirror, calendar, at, id) WHERE unsettled = 1;
CREATE INDEX event_change_noted ON event_change (mirror, at, id)
    WHERE state = 'done' AND note IS NOT NULL;
CREATE INDEX event_change_by_age ON event_change (mirror, kept_until);

INSERT INTO schema_version (version) VALUES (3);
