-- Analyses as jobs: docs/adr/0025. Moments are milliseconds since 1970, leases those of `kartei.clock()`.

-- An organisation's turn and room. The lock on its row is held by who claims, and by nobody else.
CREATE TABLE kartei.job_queues (
    org bigint PRIMARY KEY REFERENCES kartei.organisations (id),
    cap bigint NOT NULL DEFAULT 2 CHECK (cap >= 0), -- jobs that run at once
    weight bigint NOT NULL DEFAULT 100 CHECK (weight > 0), -- its share where many wait
    turn bigint NOT NULL DEFAULT 0,       -- virtual time; the smallest is next
    paused_at bigint
) WITH (fillfactor = 50);

-- Analyses that do not begin for now.
CREATE TABLE kartei.job_pauses (
    org bigint NOT NULL,
    analysis text NOT NULL,
    paused_at bigint NOT NULL,
    PRIMARY KEY (org, analysis)
);

CREATE TABLE kartei.jobs (
    pk bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    org bigint NOT NULL,                  -- nothing is written without the row in `job_queues`
    token bigint NOT NULL,
    by text NOT NULL,                     -- the token's name
    key text COLLATE "C",                 -- the client's own name for the request
    request bytea NOT NULL,               -- SHA-256 of what was asked for
    analysis text NOT NULL,
    filter text,
    params text NOT NULL,
    retry_of text,
    state text NOT NULL CHECK (state IN ('queued', 'running', 'completed', 'failed', 'canceled')),
    claim bigint NOT NULL DEFAULT 0,      -- number of the newest claim; writes of others are refused
    attempts bigint NOT NULL DEFAULT 0,
    attempts_max bigint NOT NULL,
    event_seq bigint NOT NULL,
    due_at bigint NOT NULL,               -- not begun before
    worker text,
    lease_until bigint,
    deadline_ms bigint NOT NULL,          -- how long one attempt may take
    deadline_at bigint,
    cancel_asked_at bigint,
    done bigint,                          -- profiles
    total bigint,
    input_epoch text,                     -- of which state of the organisation it is
    input_rev bigint,
    reason text,
    detail text,
    result text,                          -- job_results.id
    created_at bigint NOT NULL,
    started_at bigint,
    finished_at bigint
) WITH (fillfactor = 70);
CREATE INDEX jobs_newest ON kartei.jobs (org, pk);
CREATE UNIQUE INDEX jobs_key ON kartei.jobs (org, token, key) WHERE key IS NOT NULL;
CREATE INDEX jobs_waiting ON kartei.jobs (org, due_at, pk) WHERE state = 'queued';
CREATE INDEX jobs_running ON kartei.jobs (org, lease_until) WHERE state = 'running';

-- Append-only: 1, 2, 3 and so on for each job.
CREATE TABLE kartei.job_events (
    job bigint NOT NULL,                  -- jobs.pk
    seq bigint NOT NULL,
    org bigint NOT NULL,
    kind text NOT NULL,
    from_state text,
    to_state text NOT NULL,
    actor text NOT NULL,
    at bigint NOT NULL,
    data text,
    PRIMARY KEY (job, seq)
);

-- The newest that is known of a job without a result, and where another worker goes on.
CREATE TABLE kartei.job_partials (
    job bigint PRIMARY KEY,               -- jobs.pk
    org bigint NOT NULL,
    payload text NOT NULL,
    resume bytea,                         -- the analysis's own; empty once the job ended
    at bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE kartei.job_results (
    pk bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    org bigint NOT NULL,
    job bigint NOT NULL UNIQUE,           -- jobs.pk: one result of a job
    payload text,                         -- or
    blob text,                            -- where it lies, for a large one
    size bigint NOT NULL,
    digest bytea NOT NULL,                -- BLAKE3 of the payload
    created_at bigint NOT NULL
);

-- What somebody is to be told, once.
CREATE TABLE kartei.notifications (
    pk bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org bigint NOT NULL,
    person text NOT NULL,                 -- the token's name
    key text NOT NULL,
    kind text NOT NULL,
    job text,
    created_at bigint NOT NULL,
    read_at bigint,
    UNIQUE (org, person, key)
);
CREATE INDEX notifications_newest ON kartei.notifications (org, person, pk);

-- Ends are final, whatever program writes: only what nobody decides by may change then.
CREATE FUNCTION kartei.keep_ended_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state IN ('completed', 'failed', 'canceled') AND
        (NEW.state, NEW.claim, NEW.attempts, NEW.event_seq, NEW.result, NEW.finished_at, NEW.reason)
        IS DISTINCT FROM
        (OLD.state, OLD.claim, OLD.attempts, OLD.event_seq, OLD.result, OLD.finished_at, OLD.reason)
    THEN
        RAISE EXCEPTION 'job % has ended as %', OLD.id, OLD.state;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep_ended BEFORE UPDATE ON kartei.jobs
    FOR EACH ROW EXECUTE FUNCTION kartei.keep_ended_jobs();
CREATE FUNCTION kartei.keep_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME;
END $$;
CREATE TRIGGER keep_written BEFORE UPDATE ON kartei.job_events
    FOR EACH ROW EXECUTE FUNCTION kartei.keep_written();
CREATE TRIGGER keep_written BEFORE UPDATE ON kartei.job_results
    FOR EACH ROW EXECUTE FUNCTION kartei.keep_written();

ALTER TABLE kartei.job_queues ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.job_queues FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.job_queues USING (org = kartei.org()) WITH CHECK (org = kartei.org());
CREATE POLICY lookup ON kartei.job_queues FOR SELECT TO CURRENT_USER USING (true);
ALTER TABLE kartei.job_pauses ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.job_pauses FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.job_pauses USING (org = kartei.org()) WITH CHECK (org = kartei.org());
CREATE POLICY lookup ON kartei.job_pauses FOR SELECT TO CURRENT_USER USING (true);
ALTER TABLE kartei.jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.jobs FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.jobs USING (org = kartei.org()) WITH CHECK (org = kartei.org());
CREATE POLICY lookup ON kartei.jobs FOR SELECT TO CURRENT_USER USING (true);
ALTER TABLE kartei.job_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.job_events FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.job_events USING (org = kartei.org()) WITH CHECK (org = kartei.org());
ALTER TABLE kartei.job_partials ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.job_partials FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.job_partials USING (org = kartei.org()) WITH CHECK (org = kartei.org());
ALTER TABLE kartei.job_results ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.job_results FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.job_results USING (org = kartei.org()) WITH CHECK (org = kartei.org());
ALTER TABLE kartei.notifications ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.notifications FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.notifications USING (org = kartei.org()) WITH CHECK (org = kartei.org());

-- A worker asks before it knows of an organisation: who has something to begin and room for it, whose
-- turn is first. Organisations are found by leaps in the index, however many jobs each of them has.
CREATE FUNCTION kartei.waiting_organisations(rows_max bigint)
    RETURNS TABLE (org bigint, turn bigint)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        WITH RECURSIVE waiting (org) AS (
            (SELECT j.org FROM kartei.jobs j WHERE j.state = 'queued' ORDER BY j.org LIMIT 1)
            UNION ALL
            SELECT (SELECT j.org FROM kartei.jobs j WHERE j.state = 'queued' AND j.org > w.org
                    ORDER BY j.org LIMIT 1)
            FROM waiting w WHERE w.org IS NOT NULL
        )
        SELECT q.org, q.turn FROM waiting w JOIN kartei.job_queues q ON q.org = w.org
        WHERE q.paused_at IS NULL
            AND EXISTS (SELECT 1 FROM kartei.jobs j WHERE j.org = q.org AND j.state = 'queued'
                        AND j.due_at <= kartei.clock()
                        AND NOT EXISTS (SELECT 1 FROM kartei.job_pauses p
                                        WHERE p.org = j.org AND p.analysis = j.analysis))
            AND (SELECT count(*) FROM kartei.jobs r WHERE r.org = q.org AND r.state = 'running') < q.cap
        ORDER BY q.turn, q.org LIMIT rows_max;
    END;

CREATE FUNCTION kartei.lapsed_jobs(rows_max bigint) RETURNS TABLE (org bigint, id text)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT j.org, j.id FROM kartei.jobs j WHERE j.state = 'running'
            AND (j.lease_until < kartei.clock() OR j.deadline_at < kartei.clock())
        ORDER BY j.lease_until LIMIT rows_max;
    END;
