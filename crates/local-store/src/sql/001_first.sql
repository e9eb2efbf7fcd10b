-- First format. Rows are small and in one table with an integer key: a table WITHOUT ROWID with the
-- record inside was measured six times slower and three times larger.
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE imports (
    id INTEGER PRIMARY KEY,
    file TEXT NOT NULL,
    started_at INTEGER NOT NULL -- milliseconds since 1970
);

CREATE TABLE profiles (
    pk INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    hash BLOB NOT NULL,               -- SHA-256 of the canonical record, 32 bytes
    genesis BLOB NOT NULL,            -- the same of the record that the profile began with
    accepted INTEGER NOT NULL,        -- 1: the relay has that genesis
    edited INTEGER NOT NULL,          -- 1: there is a document
    conflicts INTEGER NOT NULL,       -- fields in conflict
    rev INTEGER,                      -- the relay's revision that was seen last
    changed_at INTEGER NOT NULL,      -- milliseconds since 1970
    import INTEGER REFERENCES imports (id),
    observations INTEGER NOT NULL,
    name TEXT,
    record TEXT NOT NULL              -- last, so that the columns before it are read without it
);
CREATE INDEX profiles_in_conflict ON profiles (pk) WHERE conflicts > 0;

-- Only edited profiles have a document; it holds their whole history.
CREATE TABLE documents (profile INTEGER PRIMARY KEY REFERENCES profiles (pk), body BLOB NOT NULL);

-- Profiles with something that the relay does not have: the record (accepted = 0), or changes.
CREATE TABLE outbox (profile INTEGER PRIMARY KEY REFERENCES profiles (pk));

CREATE TABLE pending_changes (
    seq INTEGER PRIMARY KEY,
    profile INTEGER NOT NULL REFERENCES profiles (pk),
    hash BLOB NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (profile, hash)
);

-- What the relay refused. It stays here, visible, and holds nothing else up.
CREATE TABLE rejected (
    profile INTEGER PRIMARY KEY REFERENCES profiles (pk),
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL
);

-- Which import made which import change, for the history.
CREATE TABLE import_changes (change BLOB PRIMARY KEY, import INTEGER NOT NULL) WITHOUT ROWID;

-- Actors of this data folder's sessions: tells "mine" from "theirs".
CREATE TABLE own_actors (actor BLOB PRIMARY KEY) WITHOUT ROWID;

CREATE VIRTUAL TABLE search USING fts5 (
    body, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 2"
);
