-- Analyses: those that were asked for here and wait for the relay, and what was heard of all others.
CREATE TABLE analyses (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    relay TEXT NOT NULL,       -- which relay and organisation
    job TEXT,                  -- the relay's id; it waits here without one
    key TEXT,                  -- the client's own name for the request, of one that was asked for here
    asked TEXT NOT NULL,       -- JSON, as it is sent
    retry_of TEXT,             -- the relay's id of the one that it tries again
    heard TEXT,                -- JSON: what the relay said of it last
    event_seq INTEGER NOT NULL DEFAULT 0, -- of how many of its events that tells
    problem TEXT,              -- JSON: why the relay does not take it
    created_at INTEGER NOT NULL -- milliseconds since 1970, of the relay's clock once it has it
);
CREATE UNIQUE INDEX analyses_of_jobs ON analyses (relay, job) WHERE job IS NOT NULL;
CREATE INDEX analyses_newest ON analyses (relay, created_at);

-- Results that were looked at. They never change, and are there without a connection.
CREATE TABLE analysis_results (
    relay TEXT NOT NULL,
    id TEXT NOT NULL,
    answer TEXT NOT NULL,      -- JSON, as the relay answered it
    kept_at INTEGER NOT NULL,
    PRIMARY KEY (relay, id)
) WITHOUT ROWID;
