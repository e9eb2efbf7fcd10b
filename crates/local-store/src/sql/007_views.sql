-- Saved views of the table. Each has an id for good, its moment of change and a mark where it was
-- deleted, so that two devices can exchange them later: of a view the later writing wins.
CREATE TABLE views (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    view TEXT NOT NULL,            -- JSON; emptied where it was deleted
    changed_at INTEGER NOT NULL,   -- milliseconds since 1970
    changed_by TEXT,
    deleted INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
