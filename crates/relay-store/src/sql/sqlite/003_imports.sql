-- Imports over HTTP: what came in, under which digest it is kept, and what was answered.
CREATE TABLE imports (
    id TEXT PRIMARY KEY,
    org INTEGER NOT NULL REFERENCES organisations (id),
    by TEXT NOT NULL,                    -- the token's name
    mode TEXT NOT NULL,
    dry_run INTEGER NOT NULL,
    key TEXT,                            -- the client's own name for the request
    digest BLOB NOT NULL,                -- SHA-256 of the body as it came
    bytes INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    finished_at INTEGER,
    status INTEGER,                      -- of the answer, once there is one
    answer TEXT,
    UNIQUE (org, key)
);
CREATE INDEX imports_digest ON imports (org, digest);
