-- What the live profiles come to, in all and in 256 buckets by id: four words of 32 bits each
-- (kartei_sync_core::Digest). The sums are those of the revision that `digest_rev` names; a program that
-- does not know them leaves it behind, and they are counted anew then.
ALTER TABLE organisations ADD COLUMN digest_rev INTEGER NOT NULL DEFAULT 0;
ALTER TABLE organisations ADD COLUMN d0 INTEGER NOT NULL DEFAULT 0;
ALTER TABLE organisations ADD COLUMN d1 INTEGER NOT NULL DEFAULT 0;
ALTER TABLE organisations ADD COLUMN d2 INTEGER NOT NULL DEFAULT 0;
ALTER TABLE organisations ADD COLUMN d3 INTEGER NOT NULL DEFAULT 0;
-- Deleted profiles up to here are forgotten.
ALTER TABLE organisations ADD COLUMN horizon_rev INTEGER NOT NULL DEFAULT 0;

CREATE TABLE digests (
    org INTEGER NOT NULL REFERENCES organisations (id),
    bucket INTEGER NOT NULL,
    d0 INTEGER NOT NULL,
    d1 INTEGER NOT NULL,
    d2 INTEGER NOT NULL,
    d3 INTEGER NOT NULL,
    PRIMARY KEY (org, bucket)
) WITHOUT ROWID;

CREATE INDEX profiles_deleted ON profiles (org, rev) WHERE deleted = 1;
