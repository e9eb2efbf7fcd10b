-- First format of the embedded engine.
CREATE TABLE organisations (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    epoch TEXT NOT NULL,                 -- identity of this history; cursors name it
    head_rev INTEGER NOT NULL DEFAULT 0, -- the newest revision
    created_at INTEGER NOT NULL
);

CREATE TABLE tokens (
    id INTEGER PRIMARY KEY,
    org INTEGER NOT NULL REFERENCES organisations (id),
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'analyst', 'admin')),
    hash BLOB NOT NULL UNIQUE,           -- SHA-256 of the token; the token itself is nowhere
    created_at INTEGER NOT NULL,
    last_used_at INTEGER,
    revoked_at INTEGER
);

-- One row a profile with the revision of its last change: the feed is this table by `rev`.
CREATE TABLE profiles (
    pk INTEGER PRIMARY KEY,
    org INTEGER NOT NULL REFERENCES organisations (id),
    id TEXT NOT NULL,
    rev INTEGER NOT NULL,
    genesis BLOB NOT NULL,               -- SHA-256 of the record that the profile began with
    genesis_rev INTEGER NOT NULL,        -- the revision under which it came
    hash BLOB NOT NULL,                  -- SHA-256 of the record as it is
    conflicts INTEGER NOT NULL,
    genesis_record TEXT,                 -- only where it differs from `record`
    record TEXT NOT NULL,
    UNIQUE (org, id)
);
CREATE UNIQUE INDEX profiles_feed ON profiles (org, rev);

-- Only edited profiles have a document, and their changes one by one for the feed.
CREATE TABLE documents (profile INTEGER PRIMARY KEY REFERENCES profiles (pk), body BLOB NOT NULL);

CREATE TABLE changes (
    seq INTEGER PRIMARY KEY,             -- order of arrival, which is causal
    profile INTEGER NOT NULL REFERENCES profiles (pk),
    rev INTEGER NOT NULL,
    hash BLOB NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (profile, hash)
);
CREATE INDEX changes_feed ON changes (profile, rev);
