-- Uploads and files: docs/adr/0021. Sizes are bytes, moments milliseconds since 1970.

-- What an organisation has and may have. The lock on its row orders those who change it, and is taken
-- before that on an upload, a content or a file.
CREATE TABLE kartei.usage (
    org bigint PRIMARY KEY REFERENCES kartei.organisations (id),
    used bigint NOT NULL DEFAULT 0,       -- of all its files, equal contents counted each time
    reserved bigint NOT NULL DEFAULT 0,   -- what uploads that have not ended may still come to
    files bigint NOT NULL DEFAULT 0,
    open bigint NOT NULL DEFAULT 0,       -- uploads that have not ended
    quota bigint                          -- nothing: as much as there is room for
) WITH (fillfactor = 50);

CREATE TABLE kartei.uploads (
    pk bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    org bigint NOT NULL,                  -- nothing is written without the row in `usage`, which is checked
    token bigint NOT NULL,
    by text NOT NULL,                     -- the token's name
    door text NOT NULL,                   -- through which it came
    key text COLLATE "C",                 -- the client's own name for it
    name text NOT NULL,
    content_type text,
    meta text,                            -- the door's own
    size bigint,                          -- nothing while it is not known
    reserved bigint NOT NULL,
    phase text NOT NULL CHECK
        (phase IN ('open', 'completing', 'completed', 'failed', 'aborted', 'expired')),
    problem text,                         -- the code of what ended it
    blob text NOT NULL,
    draft boolean NOT NULL,               -- whether bytes under `blob` may be there that are no content
    place text NOT NULL,                  -- the blob store's own name for what is not complete
    piece_bytes bigint NOT NULL,
    wrapped_key bytea NOT NULL,           -- empty once the upload ended
    digest bytea,                         -- BLAKE3: announced, then found
    sha256 bytea,
    tail_seq bigint,                      -- the last piece that is not whole
    tail_offset bigint,
    tail_len bigint,
    file text,
    created_at bigint NOT NULL,
    touched_at bigint NOT NULL,
    expires_at bigint NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX uploads_newest ON kartei.uploads (org, pk);
CREATE UNIQUE INDEX uploads_key ON kartei.uploads (org, token, key) WHERE key IS NOT NULL;
CREATE INDEX uploads_open ON kartei.uploads (org) WHERE phase IN ('open', 'completing');
CREATE INDEX uploads_ended ON kartei.uploads (org, touched_at)
    WHERE phase NOT IN ('open', 'completing');
CREATE INDEX uploads_drafts ON kartei.uploads (touched_at)
    WHERE draft AND phase NOT IN ('open', 'completing');

-- What is durable of an upload: runs of pieces that never overlap, with their subtrees' hashes.
CREATE TABLE kartei.landed (
    upload bigint NOT NULL,               -- uploads.pk
    at bigint NOT NULL,
    org bigint NOT NULL,
    len bigint NOT NULL,
    tree bytea NOT NULL,
    part text,                            -- the blob store's own name for it
    PRIMARY KEY (upload, at)
);

-- Bytes, each once for an organisation.
CREATE TABLE kartei.contents (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org bigint NOT NULL,
    digest bytea NOT NULL,                -- BLAKE3
    size bigint NOT NULL,
    blob text NOT NULL,
    wrapped_key bytea NOT NULL,           -- empty once it is condemned
    refs bigint NOT NULL,                 -- files that have it
    scan text NOT NULL,
    created_at bigint NOT NULL,
    unreferenced_at bigint,               -- since when no file has it
    condemned_at bigint,                  -- from then on no file gets it, and its bytes go
    lost_at bigint                        -- when its bytes were found missing or damaged
);
CREATE UNIQUE INDEX contents_equal ON kartei.contents (org, digest, size)
    WHERE condemned_at IS NULL;
CREATE INDEX contents_newest ON kartei.contents (org, id);
CREATE INDEX contents_unscanned ON kartei.contents (id)
    WHERE scan = 'pending' AND condemned_at IS NULL;
CREATE INDEX contents_unreferenced ON kartei.contents (unreferenced_at)
    WHERE unreferenced_at IS NOT NULL;

CREATE TABLE kartei.files (
    pk bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    org bigint NOT NULL,
    name text NOT NULL,
    folded text NOT NULL,                 -- the name in small letters, for looking in it
    content_type text NOT NULL,
    content bigint NOT NULL REFERENCES kartei.contents (id),
    created_at bigint NOT NULL,
    by text NOT NULL                      -- the token's name
);
CREATE INDEX files_newest ON kartei.files (org, created_at, id);
CREATE INDEX files_content ON kartei.files (content);

-- Goes with its profile, whichever version of this program takes that away.
CREATE TABLE kartei.attachments (
    file bigint NOT NULL,                 -- files.pk
    profile bigint NOT NULL REFERENCES kartei.profiles (pk) ON DELETE CASCADE,
    org bigint NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (file, profile)
);
CREATE INDEX attachments_profile ON kartei.attachments (profile);

-- Who read which bytes of a file.
CREATE TABLE kartei.file_reads (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org bigint NOT NULL,
    file text COLLATE "C" NOT NULL,       -- files.id; stays when the file goes
    token bigint NOT NULL,
    at bigint NOT NULL,
    from_byte bigint NOT NULL,
    to_byte bigint NOT NULL               -- without it
);
CREATE INDEX file_reads_file ON kartei.file_reads (org, file, seq);
CREATE INDEX file_reads_at ON kartei.file_reads (org, at);

-- Wraps its files' keys, wrapped by the operator's.
ALTER TABLE kartei.organisations ADD COLUMN file_key bytea;
ALTER TABLE kartei.imports ADD COLUMN source text; -- the file that it reads, where it reads one
-- That went with the profile.
ALTER TABLE kartei.erasures ADD COLUMN attachments bigint NOT NULL DEFAULT 0;

ALTER TABLE kartei.usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.usage FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.usage USING (org = kartei.org()) WITH CHECK (org = kartei.org());
ALTER TABLE kartei.uploads ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.uploads FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.uploads USING (org = kartei.org()) WITH CHECK (org = kartei.org());
CREATE POLICY lookup ON kartei.uploads FOR SELECT TO CURRENT_USER USING (true);
ALTER TABLE kartei.landed ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.landed FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.landed USING (org = kartei.org()) WITH CHECK (org = kartei.org());
ALTER TABLE kartei.contents ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.contents FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.contents USING (org = kartei.org()) WITH CHECK (org = kartei.org());
CREATE POLICY lookup ON kartei.contents FOR SELECT TO CURRENT_USER USING (true);
ALTER TABLE kartei.files ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.files FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.files USING (org = kartei.org()) WITH CHECK (org = kartei.org());
ALTER TABLE kartei.attachments ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.attachments FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.attachments USING (org = kartei.org()) WITH CHECK (org = kartei.org());
ALTER TABLE kartei.file_reads ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.file_reads FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.file_reads USING (org = kartei.org()) WITH CHECK (org = kartei.org());

-- The clean-up goes through all organisations: three more questions that are asked before one is known.
CREATE FUNCTION kartei.due_uploads(asked_now bigint, idle_before bigint, rows_max bigint)
    RETURNS TABLE (org bigint, id text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT u.org, u.id FROM kartei.uploads u
        WHERE u.phase IN ('open', 'completing') AND
            CASE u.phase WHEN 'open' THEN u.expires_at <= asked_now
                         ELSE u.touched_at < idle_before END
        ORDER BY u.touched_at LIMIT rows_max;
    END;

CREATE FUNCTION kartei.left_drafts(ended_before bigint, rows_max bigint)
    RETURNS TABLE (org bigint, id text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT u.org, u.id FROM kartei.uploads u
        WHERE u.draft AND u.phase NOT IN ('open', 'completing') AND u.touched_at < ended_before
        ORDER BY u.touched_at LIMIT rows_max;
    END;

CREATE FUNCTION kartei.unscanned_contents(rows_max bigint)
    RETURNS TABLE (org bigint, id bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT c.org, c.id FROM kartei.contents c
        WHERE c.scan = 'pending' AND c.condemned_at IS NULL
        ORDER BY c.id LIMIT rows_max;
    END;

CREATE FUNCTION kartei.unreferenced_contents(unreferenced_before bigint, rows_max bigint)
    RETURNS TABLE (org bigint, id bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT c.org, c.id FROM kartei.contents c
        WHERE c.unreferenced_at IS NOT NULL
            AND (c.condemned_at IS NOT NULL OR c.unreferenced_at < unreferenced_before)
        ORDER BY c.unreferenced_at LIMIT rows_max;
    END;
