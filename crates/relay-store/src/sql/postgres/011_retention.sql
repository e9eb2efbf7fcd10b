-- What analyses leave, and how long that is kept: docs/adr/0026. Moments are milliseconds since 1970.

-- How long an organisation keeps what. Without a row it is what the columns say by themselves. The lock on
-- its row orders those who mark, restore and purge.
CREATE TABLE kartei.retention_policies (
    org bigint PRIMARY KEY REFERENCES kartei.organisations (id),
    results_days bigint DEFAULT 90 CHECK (results_days >= 0), -- NULL is for ever
    jobs_days bigint DEFAULT 730 CHECK (jobs_days >= 0),      -- NULL is for ever
    restore_days bigint NOT NULL DEFAULT 14 CHECK (restore_days >= 0),
    automatic boolean NOT NULL DEFAULT false,
    held_at bigint                        -- nothing is taken away, whatever its age
);

-- Plans that were applied.
CREATE TABLE kartei.retention_runs (
    pk bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    org bigint NOT NULL,
    by text NOT NULL,
    plan bytea NOT NULL,                  -- BLAKE3 over what was chosen
    as_of bigint NOT NULL,
    at bigint NOT NULL,
    restore_until bigint NOT NULL,        -- then the purge takes it
    results bigint NOT NULL DEFAULT 0,    -- jobs whose results were marked
    jobs bigint NOT NULL DEFAULT 0,       -- jobs that were marked
    bytes bigint NOT NULL DEFAULT 0,
    restored_at bigint,
    purged_at bigint,
    UNIQUE (org, plan)
);
CREATE INDEX retention_runs_newest ON kartei.retention_runs (org, pk);

-- Blobs of results that were purged, until they are gone as well.
CREATE TABLE kartei.retention_blobs (
    org bigint NOT NULL,
    blob text COLLATE "C" NOT NULL,
    PRIMARY KEY (org, blob)
);

ALTER TABLE kartei.jobs
    ADD COLUMN held_at bigint,            -- kept, whatever its age
    ADD COLUMN deleted_at bigint,         -- marked: not told any more, until it is restored or purged
    ADD COLUMN deleted_run bigint,        -- retention_runs.pk
    ADD COLUMN result_deleted_at bigint,  -- the same for its result and for what was known before
    ADD COLUMN result_run bigint,
    ADD COLUMN result_purged_at bigint;
CREATE INDEX jobs_ended ON kartei.jobs (org, finished_at, pk)
    WHERE finished_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX jobs_deleted ON kartei.jobs (deleted_run) WHERE deleted_run IS NOT NULL;
CREATE INDEX jobs_results_deleted ON kartei.jobs (result_run)
    WHERE result_run IS NOT NULL AND result_purged_at IS NULL;
CREATE INDEX jobs_results_gone ON kartei.jobs (org, result) WHERE result_deleted_at IS NOT NULL;
CREATE INDEX job_results_blobs ON kartei.job_results (org, blob) WHERE blob IS NOT NULL;

-- Whatever program writes: jobs, events and results are taken away after they were marked and the time to
-- restore them is over, and not while something holds them.
CREATE FUNCTION kartei.keep_unpurged() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    job_pk bigint;
BEGIN
    IF TG_TABLE_NAME = 'jobs' THEN
        job_pk := OLD.pk;
    ELSE
        job_pk := OLD.job;
    END IF;
    IF NOT EXISTS (
        SELECT 1 FROM kartei.jobs j
        JOIN kartei.retention_runs r ON r.pk = j.deleted_run
            OR (r.pk = j.result_run AND TG_TABLE_NAME = 'job_results')
        LEFT JOIN kartei.retention_policies p ON p.org = j.org
        WHERE j.pk = job_pk AND j.state IN ('completed', 'failed', 'canceled')
            AND j.held_at IS NULL AND p.held_at IS NULL
            AND r.restored_at IS NULL AND r.restore_until <= kartei.clock())
    THEN
        RAISE EXCEPTION 'rows of % are only taken away by the purge', TG_TABLE_NAME;
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER keep_unpurged BEFORE DELETE ON kartei.jobs
    FOR EACH ROW EXECUTE FUNCTION kartei.keep_unpurged();
CREATE TRIGGER keep_unpurged BEFORE DELETE ON kartei.job_events
    FOR EACH ROW EXECUTE FUNCTION kartei.keep_unpurged();
CREATE TRIGGER keep_unpurged BEFORE DELETE ON kartei.job_results
    FOR EACH ROW EXECUTE FUNCTION kartei.keep_unpurged();

ALTER TABLE kartei.retention_policies ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.retention_policies FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.retention_policies USING (org = kartei.org())
    WITH CHECK (org = kartei.org());
ALTER TABLE kartei.retention_runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.retention_runs FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.retention_runs USING (org = kartei.org()) WITH CHECK (org = kartei.org());
ALTER TABLE kartei.retention_blobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.retention_blobs FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.retention_blobs USING (org = kartei.org()) WITH CHECK (org = kartei.org());
