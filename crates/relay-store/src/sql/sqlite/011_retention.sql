-- What analyses leave, and how long that is kept: docs/adr/0026. Moments are milliseconds since 1970.

-- How long an organisation keeps what. Without a row it is what the columns say by themselves.
CREATE TABLE retention_policies (
    org INTEGER PRIMARY KEY REFERENCES organisations (id),
    results_days INTEGER DEFAULT 90 CHECK (results_days >= 0), -- NULL is for ever
    jobs_days INTEGER DEFAULT 730 CHECK (jobs_days >= 0),      -- NULL is for ever
    restore_days INTEGER NOT NULL DEFAULT 14 CHECK (restore_days >= 0),
    automatic INTEGER NOT NULL DEFAULT 0,
    held_at INTEGER                       -- nothing is taken away, whatever its age
);

-- Plans that were applied.
CREATE TABLE retention_runs (
    pk INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    org INTEGER NOT NULL,
    by TEXT NOT NULL,
    plan BLOB NOT NULL,                   -- BLAKE3 over what was chosen
    as_of INTEGER NOT NULL,
    at INTEGER NOT NULL,
    restore_until INTEGER NOT NULL,       -- then the purge takes it
    results INTEGER NOT NULL DEFAULT 0,   -- jobs whose results were marked
    jobs INTEGER NOT NULL DEFAULT 0,      -- jobs that were marked
    bytes INTEGER NOT NULL DEFAULT 0,
    restored_at INTEGER,
    purged_at INTEGER,
    UNIQUE (org, plan)
);
CREATE INDEX retention_runs_newest ON retention_runs (org, pk);

-- Blobs of results that were purged, until they are gone as well.
CREATE TABLE retention_blobs (
    org INTEGER NOT NULL,
    blob TEXT NOT NULL,
    PRIMARY KEY (org, blob)
);

ALTER TABLE jobs ADD COLUMN held_at INTEGER;           -- kept, whatever its age
ALTER TABLE jobs ADD COLUMN deleted_at INTEGER;        -- marked: not told any more, until it is restored or purged
ALTER TABLE jobs ADD COLUMN deleted_run INTEGER;       -- retention_runs.pk
ALTER TABLE jobs ADD COLUMN result_deleted_at INTEGER; -- the same for its result and for what was known before
ALTER TABLE jobs ADD COLUMN result_run INTEGER;
ALTER TABLE jobs ADD COLUMN result_purged_at INTEGER;
CREATE INDEX jobs_ended ON jobs (org, finished_at, pk)
    WHERE finished_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX jobs_deleted ON jobs (deleted_run) WHERE deleted_run IS NOT NULL;
CREATE INDEX jobs_results_deleted ON jobs (result_run)
    WHERE result_run IS NOT NULL AND result_purged_at IS NULL;
CREATE INDEX jobs_results_gone ON jobs (org, result) WHERE result_deleted_at IS NOT NULL;
CREATE INDEX job_results_blobs ON job_results (org, blob) WHERE blob IS NOT NULL;

-- Whatever program writes: jobs, events and results are taken away after they were marked and the time to
-- restore them is over, and not while something holds them.
CREATE TRIGGER keep_unpurged_jobs BEFORE DELETE ON jobs
    WHEN NOT EXISTS (
        SELECT 1 FROM jobs j JOIN retention_runs r ON r.pk = j.deleted_run
        LEFT JOIN retention_policies p ON p.org = j.org
        WHERE j.pk = OLD.pk AND j.state IN ('completed', 'failed', 'canceled')
            AND j.held_at IS NULL AND p.held_at IS NULL
            AND r.restored_at IS NULL AND r.restore_until <= CAST(unixepoch('subsec') * 1000 AS INTEGER))
    BEGIN SELECT RAISE(ABORT, 'only the purge takes this away'); END;
CREATE TRIGGER keep_unpurged_events BEFORE DELETE ON job_events
    WHEN NOT EXISTS (
        SELECT 1 FROM jobs j JOIN retention_runs r ON r.pk = j.deleted_run
        LEFT JOIN retention_policies p ON p.org = j.org
        WHERE j.pk = OLD.job AND j.state IN ('completed', 'failed', 'canceled')
            AND j.held_at IS NULL AND p.held_at IS NULL
            AND r.restored_at IS NULL AND r.restore_until <= CAST(unixepoch('subsec') * 1000 AS INTEGER))
    BEGIN SELECT RAISE(ABORT, 'only the purge takes this away'); END;
CREATE TRIGGER keep_unpurged_results BEFORE DELETE ON job_results
    WHEN NOT EXISTS (
        SELECT 1 FROM jobs j JOIN retention_runs r ON r.pk = j.deleted_run
            OR r.pk = j.result_run
        LEFT JOIN retention_policies p ON p.org = j.org
        WHERE j.pk = OLD.job AND j.state IN ('completed', 'failed', 'canceled')
            AND j.held_at IS NULL AND p.held_at IS NULL
            AND r.restored_at IS NULL AND r.restore_until <= CAST(unixepoch('subsec') * 1000 AS INTEGER))
    BEGIN SELECT RAISE(ABORT, 'only the purge takes this away'); END;
