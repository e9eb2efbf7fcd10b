-- Calibrations: what scores of an organisation's people are made by (docs/behavior.md). One never changes but for
-- its state. Moments are milliseconds since 1970.
CREATE TABLE kartei.calibrations (
    org bigint NOT NULL REFERENCES kartei.organisations (id),
    version text COLLATE "C" NOT NULL,    -- a hash of what it says
    schema text COLLATE "C" NOT NULL,     -- the schema's name
    schema_version bigint NOT NULL,
    as_of bigint NOT NULL,                -- the moment that scores are of
    profiles bigint NOT NULL,             -- how many it was made of
    state text NOT NULL CHECK (state IN ('draft', 'active', 'retired')),
    schema_text text NOT NULL,            -- canonical JSON
    body text NOT NULL,                   -- canonical JSON
    made_by text NOT NULL,
    made_at bigint NOT NULL,
    changed_by text NOT NULL,             -- who brought it into its state
    changed_at bigint NOT NULL,
    PRIMARY KEY (org, version)
);
CREATE UNIQUE INDEX calibrations_active ON kartei.calibrations (org, schema) WHERE state = 'active';

ALTER TABLE kartei.calibrations ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.calibrations FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.calibrations USING (org = kartei.org()) WITH CHECK (org = kartei.org());
