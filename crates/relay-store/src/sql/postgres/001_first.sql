-- First format on Postgres. The same tables as on SQLite, each with the organisation in its rows, so
-- that row-level security can hold it. Everything lies in the schema `kartei` and belongs to the role
-- that migrates; the relay's role gets rights on it and owns nothing.
CREATE TABLE kartei.organisations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    epoch text NOT NULL,                  -- identity of this history; cursors name it
    head_rev bigint NOT NULL DEFAULT 0,   -- the newest revision; its row lock orders the writers
    created_at bigint NOT NULL
);

CREATE TABLE kartei.tokens (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org bigint NOT NULL REFERENCES kartei.organisations (id),
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('viewer', 'analyst', 'admin')),
    hash bytea NOT NULL UNIQUE,           -- SHA-256 of the token; the token itself is nowhere
    created_at bigint NOT NULL,
    last_used_at bigint,
    revoked_at bigint
);

-- One row a profile with the revision of its last change: the feed is this table by `rev`.
CREATE TABLE kartei.profiles (
    pk bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org bigint NOT NULL REFERENCES kartei.organisations (id),
    id text COLLATE "C" NOT NULL,
    rev bigint NOT NULL,
    genesis bytea NOT NULL,               -- SHA-256 of the record that the profile began with
    genesis_rev bigint NOT NULL,          -- the revision under which it came
    hash bytea NOT NULL,                  -- SHA-256 of the record as it is
    conflicts integer NOT NULL,
    changed_at bigint NOT NULL,           -- milliseconds since 1970
    deleted boolean NOT NULL DEFAULT false,
    genesis_record text,                  -- only where it differs from `record`
    record text NOT NULL,                 -- canonical; text, because jsonb would write it anew
    UNIQUE (org, id)
);
CREATE UNIQUE INDEX profiles_feed ON kartei.profiles (org, rev);

-- Only edited profiles have a document, and their changes one by one for the feed.
CREATE TABLE kartei.documents (
    profile bigint PRIMARY KEY REFERENCES kartei.profiles (pk),
    org bigint NOT NULL,
    body bytea NOT NULL
);

CREATE TABLE kartei.changes (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- order of arrival, which is causal
    org bigint NOT NULL,
    profile bigint NOT NULL REFERENCES kartei.profiles (pk),
    rev bigint NOT NULL,
    hash bytea NOT NULL,
    body bytea NOT NULL,
    UNIQUE (profile, hash)
);
CREATE INDEX changes_feed ON kartei.changes (profile, rev);

-- Imports over HTTP: what came in, under which digest it is kept, and what was answered.
CREATE TABLE kartei.imports (
    id text PRIMARY KEY,
    org bigint NOT NULL REFERENCES kartei.organisations (id),
    by text NOT NULL,                     -- the token's name
    mode text NOT NULL,
    dry_run boolean NOT NULL,
    key text,                             -- the client's own name for the request
    digest bytea NOT NULL,                -- SHA-256 of the body as it came
    bytes bigint NOT NULL,
    started_at bigint NOT NULL,
    finished_at bigint,
    status integer,                       -- of the answer, once there is one
    answer text,
    UNIQUE (org, key)
);
CREATE INDEX imports_digest ON kartei.imports (org, digest);

-- Every transaction says for which organisation it runs; one that does not sees nothing. After a
-- COMMIT the setting reads as an empty text, hence `nullif`.
CREATE FUNCTION kartei.org() RETURNS bigint LANGUAGE sql STABLE
    RETURN nullif(current_setting('kartei.org', true), '')::bigint;

ALTER TABLE kartei.organisations ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.organisations FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.organisations USING (id = kartei.org()) WITH CHECK (id = kartei.org());
ALTER TABLE kartei.tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.tokens FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.tokens USING (org = kartei.org()) WITH CHECK (org = kartei.org());
ALTER TABLE kartei.profiles ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.profiles FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.profiles USING (org = kartei.org()) WITH CHECK (org = kartei.org());
ALTER TABLE kartei.documents ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.documents FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.documents USING (org = kartei.org()) WITH CHECK (org = kartei.org());
ALTER TABLE kartei.changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.changes FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.changes USING (org = kartei.org()) WITH CHECK (org = kartei.org());
ALTER TABLE kartei.imports ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.imports FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.imports USING (org = kartei.org()) WITH CHECK (org = kartei.org());

-- Four questions have to be asked before an organisation is known. They are functions of the owner,
-- who alone may look across; the relay's role can call them and sees their answers only.
CREATE POLICY lookup ON kartei.organisations FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY lookup ON kartei.tokens FOR SELECT TO CURRENT_USER USING (true);

CREATE FUNCTION kartei.token_by_hash(asked bytea)
    RETURNS TABLE (id bigint, org bigint, organisation text, epoch text, name text, role text,
                   last_used_at bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT t.id, t.org, o.name, o.epoch, t.name, t.role, t.last_used_at
        FROM kartei.tokens t JOIN kartei.organisations o ON o.id = t.org
        WHERE t.hash = asked AND t.revoked_at IS NULL;
    END;

CREATE FUNCTION kartei.organisation_by_name(asked text) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT id FROM kartei.organisations WHERE name = asked;
    END;

CREATE FUNCTION kartei.heads_of(asked bigint[]) RETURNS TABLE (org bigint, head_rev bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT id, head_rev FROM kartei.organisations WHERE id = ANY (asked);
    END;

CREATE FUNCTION kartei.create_organisation(asked text, given_epoch text, given_at bigint)
    RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made bigint := nextval(pg_get_serial_sequence('kartei.organisations', 'id'));
BEGIN
    PERFORM set_config('kartei.org', made::text, true);
    INSERT INTO kartei.organisations (id, name, epoch, created_at) OVERRIDING SYSTEM VALUE
        VALUES (made, asked, given_epoch, given_at)
        ON CONFLICT (name) DO NOTHING;
    RETURN CASE WHEN FOUND THEN made END;
END
$$;
