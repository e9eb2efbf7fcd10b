-- Analyses as jobs: docs/adr/0025. Moments are milliseconds since 1970.

-- An organisation's turn and room.
CREATE TABLE job_queues (
    org INTEGER PRIMARY KEY REFERENCES organisations (id),
    cap INTEGER NOT NULL DEFAULT 2 CHECK (cap >= 0), -- jobs that run at once
    weight INTEGER NOT NULL DEFAULT 100 CHECK (weight > 0), -- its share where many wait
    turn INTEGER NOT NULL DEFAULT 0,      -- virtual time; the smallest is next
    paused_at INTEGER
);

-- Analyses that do not begin for now.
CREATE TABLE job_pauses (
    org INTEGER NOT NULL,
    analysis TEXT NOT NULL,
    paused_at INTEGER NOT NULL,
    PRIMARY KEY (org, analysis)
);

CREATE TABLE jobs (
    pk INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    org INTEGER NOT NULL,                 -- nothing is written without the row in `job_queues`
    token INTEGER NOT NULL,
    by TEXT NOT NULL,                     -- the token's name
    key TEXT,                             -- the client's own name for the request
    request BLOB NOT NULL,                -- SHA-256 of what was asked for
    analysis TEXT NOT NULL,
    filter TEXT,
    params TEXT NOT NULL,
    retry_of TEXT,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'completed', 'failed', 'canceled')),
    claim INTEGER NOT NULL DEFAULT 0,     -- number of the newest claim; writes of others are refused
    attempts INTEGER NOT NULL DEFAULT 0,
    attempts_max INTEGER NOT NULL,
    event_seq INTEGER NOT NULL,
    due_at INTEGER NOT NULL,              -- not begun before
    worker TEXT,
    lease_until INTEGER,
    deadline_ms INTEGER NOT NULL,         -- how long one attempt may take
    deadline_at INTEGER,
    cancel_asked_at INTEGER,
    done INTEGER,                         -- profiles
    total INTEGER,
    input_epoch TEXT,                     -- of which state of the organisation it is
    input_rev INTEGER,
    reason TEXT,
    detail TEXT,
    result TEXT,                          -- job_results.id
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER
);
CREATE INDEX jobs_newest ON jobs (org, pk);
CREATE UNIQUE INDEX jobs_key ON jobs (org, token, key) WHERE key IS NOT NULL;
CREATE INDEX jobs_waiting ON jobs (org, due_at, pk) WHERE state = 'queued';
CREATE INDEX jobs_running ON jobs (org, lease_until) WHERE state = 'running';

-- Append-only: 1, 2, 3 and so on for each job.
CREATE TABLE job_events (
    job INTEGER NOT NULL,                 -- jobs.pk
    seq INTEGER NOT NULL,
    org INTEGER NOT NULL,
    kind TEXT NOT NULL,
    from_state TEXT,
    to_state TEXT NOT NULL,
    actor TEXT NOT NULL,
    at INTEGER NOT NULL,
    data TEXT,
    PRIMARY KEY (job, seq)
);

-- The newest that is known of a job without a result, and where another worker goes on.
CREATE TABLE job_partials (
    job INTEGER PRIMARY KEY,              -- jobs.pk
    org INTEGER NOT NULL,
    payload TEXT NOT NULL,
    resume BLOB,                          -- the analysis's own; empty once the job ended
    at INTEGER NOT NULL
);

CREATE TABLE job_results (
    pk INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    org INTEGER NOT NULL,
    job INTEGER NOT NULL UNIQUE,          -- jobs.pk: one result of a job
    payload TEXT,                         -- or
    blob TEXT,                            -- where it lies, for a large one
    size INTEGER NOT NULL,
    digest BLOB NOT NULL,                 -- BLAKE3 of the payload
    created_at INTEGER NOT NULL
);

-- What somebody is to be told, once.
CREATE TABLE notifications (
    pk INTEGER PRIMARY KEY,
    org INTEGER NOT NULL,
    person TEXT NOT NULL,                 -- the token's name
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    job TEXT,
    created_at INTEGER NOT NULL,
    read_at INTEGER,
    UNIQUE (org, person, key)
);
CREATE INDEX notifications_newest ON notifications (org, person, pk);

-- Ends are final, whatever program writes: only what nobody decides by may change then.
CREATE TRIGGER keep_ended_jobs BEFORE UPDATE ON jobs
    WHEN OLD.state IN ('completed', 'failed', 'canceled') AND
        (NEW.state IS NOT OLD.state OR NEW.claim IS NOT OLD.claim
         OR NEW.attempts IS NOT OLD.attempts OR NEW.event_seq IS NOT OLD.event_seq
         OR NEW.result IS NOT OLD.result OR NEW.finished_at IS NOT OLD.finished_at
         OR NEW.reason IS NOT OLD.reason)
    BEGIN SELECT RAISE(ABORT, 'a job that has ended is not changed'); END;
CREATE TRIGGER keep_written_events BEFORE UPDATE ON job_events
    BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER keep_written_results BEFORE UPDATE ON job_results
    BEGIN SELECT RAISE(ABORT, 'results are never changed'); END;
