-- Behaviour schemas of this data folder, beside those that come with the program.
CREATE TABLE behavior_schemas (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    text TEXT NOT NULL,        -- canonical JSON
    saved_at INTEGER NOT NULL, -- milliseconds since 1970
    saved_by TEXT,
    PRIMARY KEY (name, version)
) WITHOUT ROWID;

-- Calibrations. Their text never changes; one of a schema is active.
CREATE TABLE calibrations (
    version TEXT PRIMARY KEY,  -- a hash of the text
    schema TEXT NOT NULL,
    schema_version INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('draft', 'active', 'retired')),
    text TEXT NOT NULL,        -- canonical JSON
    compared_with TEXT,        -- the version that `moves` is against
    moves TEXT,                -- JSON: whom it moves
    made_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX calibrations_active ON calibrations (schema) WHERE state = 'active';

-- Who did what with them.
CREATE TABLE calibration_acts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    version TEXT NOT NULL,
    schema TEXT NOT NULL,
    act TEXT NOT NULL,         -- fitted, activated, retired, rolled_back, deleted
    by TEXT,
    at INTEGER NOT NULL
);
CREATE INDEX calibration_acts_newest ON calibration_acts (schema, id);
