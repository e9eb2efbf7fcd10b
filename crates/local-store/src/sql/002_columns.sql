-- Lists are read from columns in chunks (docs/adr/0006), so the row keeps only what is asked for by
-- id. Rows of the first format are loose: they are read one by one until they are packed.
CREATE TABLE profiles_2 (
    pk INTEGER PRIMARY KEY,           -- given once and never again, also after a deletion
    id TEXT NOT NULL UNIQUE,
    hash BLOB NOT NULL,               -- SHA-256 of the canonical record, 32 bytes
    genesis BLOB,                     -- the same of the record that it began with; NULL: that one
    accepted INTEGER NOT NULL,        -- 1: the relay has that genesis
    edited INTEGER NOT NULL,          -- 1: there is a document
    conflicts INTEGER NOT NULL,       -- fields in conflict
    rev INTEGER,                      -- the relay's revision that was seen last
    changed_at INTEGER NOT NULL,      -- milliseconds since 1970
    import INTEGER,                   -- that wrote it last
    loose INTEGER NOT NULL,           -- 1: no chunk has it as it is
    stamp INTEGER NOT NULL,           -- the transaction that wrote it, where it is loose
    record TEXT NOT NULL              -- last, so that the columns before it are read without it
);
INSERT INTO profiles_2
    SELECT pk, id, hash, CASE WHEN genesis = hash THEN NULL ELSE genesis END, accepted, edited,
        conflicts, rev, changed_at, import, 1, 1, record
    FROM profiles;
DROP TABLE profiles;
ALTER TABLE profiles_2 RENAME TO profiles;
CREATE INDEX profiles_in_conflict ON profiles (pk) WHERE conflicts > 0;
CREATE INDEX profiles_loose ON profiles (stamp) WHERE loose = 1;
DROP TABLE search;

-- One row: what would otherwise be counted again for each question.
CREATE TABLE counters (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    stamp INTEGER NOT NULL,           -- transactions that wrote something
    next_pk INTEGER NOT NULL,
    profiles INTEGER NOT NULL,
    loose INTEGER NOT NULL,
    era INTEGER NOT NULL              -- grows when chunks were taken away: what was read is void
);
INSERT INTO counters SELECT 1, 1, coalesce(max(pk), 0) + 1, count(*), count(*), 1 FROM profiles;

-- Profiles that were written together, and their columns. A chunk never changes; what became of its
-- rows is said by `loose`, by later chunks, and by `gone`.
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,           -- pk of the first row
    count INTEGER NOT NULL,
    pks BLOB,                         -- where they do not follow each other: see chunk.rs
    changed_at INTEGER NOT NULL,
    digest BLOB NOT NULL              -- SHA-256 of its columns' names and bodies, in their order
);
CREATE TABLE columns (chunk INTEGER NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL);
CREATE UNIQUE INDEX columns_by_name ON columns (name, chunk);
CREATE TABLE gone (seq INTEGER PRIMARY KEY, pk INTEGER NOT NULL);

-- Steps that a person can take back, newest last, and what each changed in which profile.
CREATE TABLE acts (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,               -- edit, bulk, resolve, restore, import, undo
    at INTEGER NOT NULL,              -- milliseconds since 1970
    by TEXT,
    what TEXT NOT NULL,               -- JSON: for people
    profiles INTEGER NOT NULL,
    reverts INTEGER REFERENCES acts (id),
    reverted_by INTEGER REFERENCES acts (id)
);
CREATE TABLE act_changes (
    act INTEGER NOT NULL REFERENCES acts (id),
    profile INTEGER NOT NULL,
    fields TEXT NOT NULL,             -- JSON: pointer, before, after of each field
    PRIMARY KEY (act, profile)
) WITHOUT ROWID;

ALTER TABLE imports ADD COLUMN path TEXT;
ALTER TABLE imports ADD COLUMN source TEXT NOT NULL DEFAULT 'person';   -- person, watch
ALTER TABLE imports ADD COLUMN by TEXT;
ALTER TABLE imports ADD COLUMN ended_at INTEGER;
ALTER TABLE imports ADD COLUMN state TEXT NOT NULL DEFAULT 'unknown';   -- running, done, cancelled, failed
ALTER TABLE imports ADD COLUMN bytes INTEGER;
ALTER TABLE imports ADD COLUMN digest BLOB;                             -- SHA-256 of the file
ALTER TABLE imports ADD COLUMN counts TEXT;                             -- JSON
ALTER TABLE imports ADD COLUMN report TEXT;                             -- JSON: kinds and first problems
ALTER TABLE imports ADD COLUMN first_pk INTEGER;                        -- its new rows lie from here
ALTER TABLE imports ADD COLUMN last_pk INTEGER;                         -- to here
ALTER TABLE imports ADD COLUMN undone_at INTEGER;
CREATE INDEX imports_by_digest ON imports (digest) WHERE digest IS NOT NULL;

ALTER TABLE import_changes ADD COLUMN profile INTEGER;
CREATE INDEX import_changes_by_import ON import_changes (import);

-- Folders whose new files are imported.
CREATE TABLE watched (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, added_at INTEGER NOT NULL);
