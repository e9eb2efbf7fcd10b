-- Profiles that were erased for good: no id, only its HMAC-SHA256 under the organisation's key. While
-- `finished` is 0, files of this folder may still hold something of them.
CREATE TABLE erasures (
    hash BLOB PRIMARY KEY,
    key BLOB NOT NULL,
    rev INTEGER NOT NULL,             -- the relay's
    at INTEGER NOT NULL,              -- when it was applied here, milliseconds since 1970
    finished INTEGER NOT NULL
) WITHOUT ROWID;
