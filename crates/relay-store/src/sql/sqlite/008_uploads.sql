-- Uploads and files: docs/adr/0021. Sizes are bytes, moments milliseconds since 1970.

-- What an organisation has and may have. Its row orders those who change it.
CREATE TABLE usage (
    org INTEGER PRIMARY KEY REFERENCES organisations (id),
    used INTEGER NOT NULL DEFAULT 0,      -- of all its files, equal contents counted each time
    reserved INTEGER NOT NULL DEFAULT 0,  -- what uploads that have not ended may still come to
    files INTEGER NOT NULL DEFAULT 0,
    open INTEGER NOT NULL DEFAULT 0,      -- uploads that have not ended
    quota INTEGER                         -- nothing: as much as there is room for
);

CREATE TABLE uploads (
    pk INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    org INTEGER NOT NULL REFERENCES organisations (id),
    token INTEGER NOT NULL,
    by TEXT NOT NULL,                     -- the token's name
    door TEXT NOT NULL,                   -- through which it came
    key TEXT,                             -- the client's own name for it
    name TEXT NOT NULL,
    content_type TEXT,
    meta TEXT,                            -- the door's own
    size INTEGER,                         -- nothing while it is not known
    reserved INTEGER NOT NULL,
    phase TEXT NOT NULL CHECK
        (phase IN ('open', 'completing', 'completed', 'failed', 'aborted', 'expired')),
    problem TEXT,                         -- the code of what ended it
    blob TEXT NOT NULL,
    draft INTEGER NOT NULL,               -- whether bytes under `blob` may be there that are no content
    place TEXT NOT NULL,                  -- the blob store's own name for what is not complete
    piece_bytes INTEGER NOT NULL,
    wrapped_key BLOB NOT NULL,            -- empty once the upload ended
    digest BLOB,                          -- BLAKE3: announced, then found
    sha256 BLOB,
    tail_seq INTEGER,                     -- the last piece that is not whole
    tail_offset INTEGER,
    tail_len INTEGER,
    file TEXT,
    created_at INTEGER NOT NULL,
    touched_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE INDEX uploads_newest ON uploads (org);
CREATE UNIQUE INDEX uploads_key ON uploads (org, token, key) WHERE key IS NOT NULL;
-- Without the moments that each note moves: there are few that have not ended.
CREATE INDEX uploads_open ON uploads (org) WHERE phase IN ('open', 'completing');
CREATE INDEX uploads_ended ON uploads (org, touched_at) WHERE phase NOT IN ('open', 'completing');
CREATE INDEX uploads_drafts ON uploads (touched_at)
    WHERE draft = 1 AND phase NOT IN ('open', 'completing');

-- What is durable of an upload: runs of pieces that never overlap, with their subtrees' hashes.
CREATE TABLE landed (
    upload INTEGER NOT NULL,              -- uploads.pk
    at INTEGER NOT NULL,
    len INTEGER NOT NULL,
    tree BLOB NOT NULL,
    part TEXT,                            -- the blob store's own name for it
    PRIMARY KEY (upload, at)
) WITHOUT ROWID;

-- Bytes, each once for an organisation.
CREATE TABLE contents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    org INTEGER NOT NULL REFERENCES organisations (id),
    digest BLOB NOT NULL,                 -- BLAKE3
    size INTEGER NOT NULL,
    blob TEXT NOT NULL,
    wrapped_key BLOB NOT NULL,            -- empty once it is condemned
    refs INTEGER NOT NULL,                -- files that have it
    scan TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    unreferenced_at INTEGER,              -- since when no file has it
    condemned_at INTEGER,                 -- from then on no file gets it, and its bytes go
    lost_at INTEGER                       -- when its bytes were found missing or damaged
);
CREATE UNIQUE INDEX contents_equal ON contents (org, digest, size) WHERE condemned_at IS NULL;
CREATE INDEX contents_newest ON contents (org);
CREATE INDEX contents_unscanned ON contents (id) WHERE scan = 'pending' AND condemned_at IS NULL;
CREATE INDEX contents_unreferenced ON contents (unreferenced_at) WHERE unreferenced_at IS NOT NULL;

CREATE TABLE files (
    pk INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    org INTEGER NOT NULL REFERENCES organisations (id),
    name TEXT NOT NULL,
    folded TEXT NOT NULL,                 -- the name in small letters, for looking in it
    content_type TEXT NOT NULL,
    content INTEGER NOT NULL REFERENCES contents (id),
    created_at INTEGER NOT NULL,
    by TEXT NOT NULL                      -- the token's name
);
CREATE INDEX files_newest ON files (org, created_at, id);
CREATE INDEX files_content ON files (content);

CREATE TABLE attachments (
    file INTEGER NOT NULL,                -- files.pk
    profile INTEGER NOT NULL REFERENCES profiles (pk) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    PRIMARY KEY (file, profile)
) WITHOUT ROWID;
CREATE INDEX attachments_profile ON attachments (profile);

-- Who read which bytes of a file.
CREATE TABLE file_reads (
    seq INTEGER PRIMARY KEY,
    org INTEGER NOT NULL,
    file TEXT NOT NULL,                   -- files.id; stays when the file goes
    token INTEGER NOT NULL,
    at INTEGER NOT NULL,
    from_byte INTEGER NOT NULL,
    to_byte INTEGER NOT NULL              -- without it
);
CREATE INDEX file_reads_file ON file_reads (org, file);
CREATE INDEX file_reads_at ON file_reads (org, at);

ALTER TABLE organisations ADD COLUMN file_key BLOB;  -- wraps its files' keys, wrapped by the operator's
ALTER TABLE imports ADD COLUMN source TEXT;          -- the file that it reads, where it reads one
ALTER TABLE erasures ADD COLUMN attachments INTEGER NOT NULL DEFAULT 0; -- that went with the profile
