-- The chains of immutable segments that fresh replicas begin with: docs/adr/0010. `chain` says which
-- generation counts; it grows when a chain is made anew, and when one is dropped, so that whoever was
-- building meanwhile does not add to it.
ALTER TABLE organisations ADD COLUMN chain INTEGER NOT NULL DEFAULT 1;

CREATE TABLE segments (
    org INTEGER NOT NULL REFERENCES organisations (id),
    generation INTEGER NOT NULL,
    number INTEGER NOT NULL,             -- from 1, in the order of revisions
    epoch TEXT NOT NULL,
    from_rev INTEGER NOT NULL,           -- it has the feed above this
    rev INTEGER NOT NULL,                -- up to this
    digest BLOB NOT NULL,                -- SHA-256 of its bytes
    bytes INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    blob TEXT NOT NULL,                  -- where its bytes are
    made_at INTEGER NOT NULL,            -- milliseconds since 1970
    dropped_at INTEGER,                  -- when another generation took its place
    -- Of two relays that build the same one, one wins.
    PRIMARY KEY (org, generation, number)
) WITHOUT ROWID;
CREATE INDEX segments_digest ON segments (org, digest);
