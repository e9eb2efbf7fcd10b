-- Profiles that were erased for good: no id, only its HMAC-SHA256 under the organisation's key.
ALTER TABLE kartei.organisations ADD COLUMN erasure_key bytea; -- made with the first erasure
CREATE TABLE kartei.erasures (
    org bigint NOT NULL REFERENCES kartei.organisations (id),
    rev bigint NOT NULL,                  -- its own, in the order of the feed
    profile bigint NOT NULL,              -- the row's key, which is not given again
    hash bytea NOT NULL,
    at bigint NOT NULL,                   -- milliseconds since 1970
    by text NOT NULL,                     -- the token's name
    finished_at bigint,                   -- when nothing was left of it in archives
    opened bigint NOT NULL DEFAULT 0,     -- how often something of it came in again
    PRIMARY KEY (org, rev),
    UNIQUE (org, hash)
);
CREATE INDEX erasures_unfinished ON kartei.erasures (org) WHERE finished_at IS NULL;

CREATE TABLE kartei.erasure_confirmations (
    org bigint NOT NULL,
    rev bigint NOT NULL,
    token bigint NOT NULL REFERENCES kartei.tokens (id),
    at bigint NOT NULL,
    PRIMARY KEY (org, rev, token)
);

-- Devices are the tokens that read the feed. Those that were used before this was noted may be some.
ALTER TABLE kartei.tokens ADD COLUMN pulled_at bigint; -- first time
ALTER TABLE kartei.tokens ADD COLUMN confirmed_rev bigint NOT NULL DEFAULT 0;
-- The owner migrates, and row-level security is forced on it too: it says for whom, one by one.
DO $$
DECLARE
    each bigint;
BEGIN
    FOR each IN SELECT id FROM kartei.organisations LOOP
        PERFORM set_config('kartei.org', each::text, true);
        UPDATE kartei.tokens SET pulled_at = created_at WHERE last_used_at IS NOT NULL;
    END LOOP;
    PERFORM set_config('kartei.org', '', true);
END
$$;

-- Archives of imports without the lines of erased people: where the body is kept now.
ALTER TABLE kartei.imports ADD COLUMN kept bytea;        -- SHA-256; NULL: as it came
ALTER TABLE kartei.imports ADD COLUMN redacted_at bigint;

ALTER TABLE kartei.erasures ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.erasures FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.erasures USING (org = kartei.org()) WITH CHECK (org = kartei.org());
CREATE POLICY lookup ON kartei.erasures FOR SELECT TO CURRENT_USER USING (true);
ALTER TABLE kartei.erasure_confirmations ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.erasure_confirmations FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.erasure_confirmations
    USING (org = kartei.org()) WITH CHECK (org = kartei.org());

CREATE FUNCTION kartei.unfinished_erasures() RETURNS SETOF bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT DISTINCT org FROM kartei.erasures WHERE finished_at IS NULL;
    END;
