-- The chains of immutable segments that fresh replicas begin with: docs/adr/0010. `chain` says which
-- generation counts; it grows when a chain is made anew, and when one is dropped, so that whoever was
-- building meanwhile does not add to it.
ALTER TABLE kartei.organisations ADD COLUMN chain bigint NOT NULL DEFAULT 1;

CREATE TABLE kartei.segments (
    org bigint NOT NULL REFERENCES kartei.organisations (id),
    generation bigint NOT NULL,
    number bigint NOT NULL,               -- from 1, in the order of revisions
    epoch text NOT NULL,
    from_rev bigint NOT NULL,             -- it has the feed above this
    rev bigint NOT NULL,                  -- up to this
    digest bytea NOT NULL,                -- SHA-256 of its bytes
    bytes bigint NOT NULL,
    lines bigint NOT NULL,
    blob text NOT NULL,                   -- where its bytes are
    made_at bigint NOT NULL,              -- milliseconds since 1970
    dropped_at bigint,                    -- when another generation took its place
    -- Of two relays that build the same one, one wins.
    PRIMARY KEY (org, generation, number)
);
CREATE INDEX segments_digest ON kartei.segments (org, digest);

ALTER TABLE kartei.segments ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.segments FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.segments USING (org = kartei.org()) WITH CHECK (org = kartei.org());
