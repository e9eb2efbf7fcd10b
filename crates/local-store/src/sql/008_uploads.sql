-- Files on their way to the relay, so that they go on after the program ended, however it did. What the
-- relay has of them is asked there.
CREATE TABLE uploads (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order
    path TEXT NOT NULL,
    name TEXT NOT NULL,
    size INTEGER NOT NULL,
    modified INTEGER NOT NULL,             -- milliseconds since 1970
    ends BLOB NOT NULL,                    -- BLAKE3 of the first and the last 64 KiB, 32 bytes each
    state TEXT NOT NULL,                   -- waiting, paused, done, failed, changed
    relay TEXT,                            -- which relay and organisation it is for
    key TEXT NOT NULL,                     -- the client's own name for it, with `generation`
    generation INTEGER NOT NULL DEFAULT 0, -- how often it began anew
    session TEXT,                          -- the relay's id
    durable INTEGER NOT NULL DEFAULT 0,    -- bytes that the relay had when it was last heard
    attach TEXT,                           -- a profile's id
    file TEXT,                             -- the relay's id of the file, once it is there
    problem TEXT,                          -- JSON
    created_at INTEGER NOT NULL,           -- milliseconds since 1970
    ended_at INTEGER
);
