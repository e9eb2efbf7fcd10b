-- Notifications on their way to people: docs/jobs.md. Moments are milliseconds since 1970.

-- Where an organisation wants to be told, as well as in its own list.
CREATE TABLE webhooks (
    org INTEGER PRIMARY KEY REFERENCES organisations (id),
    url TEXT NOT NULL,
    secret BLOB NOT NULL,                 -- sealed with the organisation's key
    by TEXT NOT NULL,
    created_at INTEGER NOT NULL
);

-- One for each person, each thing that is told, and each channel.
CREATE TABLE deliveries (
    pk INTEGER PRIMARY KEY,
    org INTEGER NOT NULL,
    person TEXT NOT NULL,
    key TEXT NOT NULL,                    -- notifications.key; `digest:…` for what is told together
    channel TEXT NOT NULL CHECK (channel IN ('in_app', 'webhook')),
    state TEXT NOT NULL
        CHECK (state IN ('pending', 'sending', 'delivered', 'failed', 'suppressed')),
    kind TEXT NOT NULL,
    job TEXT,
    told_at INTEGER NOT NULL,             -- when it came to be told
    merged TEXT,                          -- key of the digest that tells it
    attempts INTEGER NOT NULL DEFAULT 0,
    claim INTEGER NOT NULL DEFAULT 0,     -- number of the newest claim; writes of others are refused
    due_at INTEGER NOT NULL,
    lease_until INTEGER,
    status INTEGER,                       -- of the newest answer
    detail TEXT,
    created_at INTEGER NOT NULL,
    finished_at INTEGER,
    UNIQUE (org, person, key, channel)
);
CREATE INDEX deliveries_newest ON deliveries (org, pk);
CREATE INDEX deliveries_open ON deliveries (org, due_at) WHERE state IN ('pending', 'sending');
CREATE INDEX deliveries_recent ON deliveries (org, person, channel, created_at);

-- A notification is what deliveries are made of, once. What was there before is not told again.
ALTER TABLE notifications ADD COLUMN fanned_at INTEGER;
UPDATE notifications SET fanned_at = 0;
CREATE INDEX notifications_new ON notifications (org, pk) WHERE fanned_at IS NULL;
