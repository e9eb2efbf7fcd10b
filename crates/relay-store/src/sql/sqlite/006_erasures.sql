-- Profiles that were erased for good: no id, only its HMAC-SHA256 under the organisation's key.
ALTER TABLE organisations ADD COLUMN erasure_key BLOB; -- made with the first erasure
CREATE TABLE erasures (
    org INTEGER NOT NULL REFERENCES organisations (id),
    rev INTEGER NOT NULL,                -- its own, in the order of the feed
    profile INTEGER NOT NULL,            -- the row's key, which is not given again
    hash BLOB NOT NULL,
    at INTEGER NOT NULL,                 -- milliseconds since 1970
    by TEXT NOT NULL,                    -- the token's name
    finished_at INTEGER,                 -- when nothing was left of it in archives and free pages
    opened INTEGER NOT NULL DEFAULT 0,   -- how often something of it came in again
    PRIMARY KEY (org, rev),
    UNIQUE (org, hash)
) WITHOUT ROWID;
CREATE INDEX erasures_by_profile ON erasures (profile);
CREATE INDEX erasures_unfinished ON erasures (org) WHERE finished_at IS NULL;

CREATE TABLE erasure_confirmations (
    org INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    token INTEGER NOT NULL REFERENCES tokens (id),
    at INTEGER NOT NULL,
    PRIMARY KEY (org, rev, token)
) WITHOUT ROWID;

-- Devices are the tokens that read the feed. Those that were used before this was noted may be some.
ALTER TABLE tokens ADD COLUMN pulled_at INTEGER; -- first time
ALTER TABLE tokens ADD COLUMN confirmed_rev INTEGER NOT NULL DEFAULT 0;
UPDATE tokens SET pulled_at = created_at WHERE last_used_at IS NOT NULL;

-- Archives of imports without the lines of erased people: where the body is kept now.
ALTER TABLE imports ADD COLUMN kept BLOB;        -- SHA-256; NULL: as it came
ALTER TABLE imports ADD COLUMN redacted_at INTEGER;
