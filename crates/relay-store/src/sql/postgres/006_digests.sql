-- What the live profiles come to, in all and in 256 buckets by id: four words of 32 bits each
-- (kartei_sync_core::Digest). The sums are those of the revision that `digest_rev` names: a relay of the
-- version before leaves it behind, and they are counted anew then.
ALTER TABLE kartei.organisations
    ADD COLUMN digest_rev bigint NOT NULL DEFAULT 0,
    ADD COLUMN d0 bigint NOT NULL DEFAULT 0,
    ADD COLUMN d1 bigint NOT NULL DEFAULT 0,
    ADD COLUMN d2 bigint NOT NULL DEFAULT 0,
    ADD COLUMN d3 bigint NOT NULL DEFAULT 0,
    ADD COLUMN horizon_rev bigint NOT NULL DEFAULT 0;  -- deleted profiles up to here are forgotten

CREATE TABLE kartei.digests (
    org bigint NOT NULL REFERENCES kartei.organisations (id),
    bucket integer NOT NULL,
    d0 bigint NOT NULL,
    d1 bigint NOT NULL,
    d2 bigint NOT NULL,
    d3 bigint NOT NULL,
    PRIMARY KEY (org, bucket)
);
ALTER TABLE kartei.digests ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.digests FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.digests USING (org = kartei.org()) WITH CHECK (org = kartei.org());

CREATE INDEX profiles_deleted ON kartei.profiles (org, rev) WHERE deleted;

-- The housekeeping of a relay goes through all organisations. It is the fifth question that has to be
-- asked before one is known.
CREATE FUNCTION kartei.all_organisations() RETURNS TABLE (org bigint, name text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT id, name FROM kartei.organisations ORDER BY id;
    END;
