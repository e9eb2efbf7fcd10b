-- Calibrations: what scores of an organisation's people are made by (docs/behavior.md). One never changes but for
-- its state. Moments are milliseconds since 1970.
CREATE TABLE calibrations (
    org INTEGER NOT NULL REFERENCES organisations (id),
    version TEXT NOT NULL,                -- a hash of what it says
    schema TEXT NOT NULL,                 -- the schema's name
    schema_version INTEGER NOT NULL,
    as_of INTEGER NOT NULL,               -- the moment that scores are of
    profiles INTEGER NOT NULL,            -- how many it was made of
    state TEXT NOT NULL CHECK (state IN ('draft', 'active', 'retired')),
    schema_text TEXT NOT NULL,            -- canonical JSON
    body TEXT NOT NULL,                   -- canonical JSON
    made_by TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL,             -- who brought it into its state
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (org, version)
);
CREATE UNIQUE INDEX calibrations_active ON calibrations (org, schema) WHERE state = 'active';
