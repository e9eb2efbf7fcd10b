-- Notifications on their way to people: docs/jobs.md. Moments are milliseconds since 1970.

-- Where an organisation wants to be told, as well as in its own list.
CREATE TABLE kartei.webhooks (
    org bigint PRIMARY KEY REFERENCES kartei.organisations (id),
    url text NOT NULL,
    secret bytea NOT NULL,                -- sealed with the organisation's key
    by text NOT NULL,
    created_at bigint NOT NULL
);

-- The lock on its row orders those who make and take an organisation's deliveries.
CREATE TABLE kartei.delivery_heads (
    org bigint PRIMARY KEY
);

-- One for each person, each thing that is told, and each channel.
CREATE TABLE kartei.deliveries (
    pk bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org bigint NOT NULL,
    person text NOT NULL,
    key text NOT NULL,                    -- notifications.key; `digest:…` for what is told together
    channel text NOT NULL CHECK (channel IN ('in_app', 'webhook')),
    state text NOT NULL
        CHECK (state IN ('pending', 'sending', 'delivered', 'failed', 'suppressed')),
    kind text NOT NULL,
    job text,
    told_at bigint NOT NULL,              -- when it came to be told
    merged text,                          -- key of the digest that tells it
    attempts bigint NOT NULL DEFAULT 0,
    claim bigint NOT NULL DEFAULT 0,      -- number of the newest claim; writes of others are refused
    due_at bigint NOT NULL,
    lease_until bigint,
    status bigint,                        -- of the newest answer
    detail text,
    created_at bigint NOT NULL,
    finished_at bigint,
    UNIQUE (org, person, key, channel)
) WITH (fillfactor = 70);
CREATE INDEX deliveries_newest ON kartei.deliveries (org, pk);
CREATE INDEX deliveries_open ON kartei.deliveries (org, due_at)
    WHERE state IN ('pending', 'sending');
CREATE INDEX deliveries_recent ON kartei.deliveries (org, person, channel, created_at);

-- A notification is what deliveries are made of, once. What was there before is not told again: old rows
-- get the first default, new ones the second, also from a relay of the version before.
ALTER TABLE kartei.notifications ADD COLUMN fanned_at bigint DEFAULT 0;
ALTER TABLE kartei.notifications ALTER COLUMN fanned_at DROP DEFAULT;
CREATE INDEX notifications_new ON kartei.notifications (org, pk) WHERE fanned_at IS NULL;

ALTER TABLE kartei.webhooks ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.webhooks FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.webhooks USING (org = kartei.org()) WITH CHECK (org = kartei.org());
ALTER TABLE kartei.delivery_heads ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.delivery_heads FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.delivery_heads USING (org = kartei.org()) WITH CHECK (org = kartei.org());
ALTER TABLE kartei.deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.deliveries FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.deliveries USING (org = kartei.org()) WITH CHECK (org = kartei.org());
CREATE POLICY lookup ON kartei.deliveries FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY lookup ON kartei.notifications FOR SELECT TO CURRENT_USER USING (true);

-- A relay asks before it knows of an organisation: who has something to tell. What is new and what is open
-- lies in indexes of its own, however many organisations there are.
CREATE FUNCTION kartei.telling_organisations() RETURNS TABLE (org bigint, open bigint)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT t.org, 1::bigint FROM (
            SELECT n.org FROM kartei.notifications n WHERE n.fanned_at IS NULL
            UNION
            SELECT d.org FROM kartei.deliveries d WHERE d.state IN ('pending', 'sending')
                AND d.due_at <= kartei.clock()
                AND (d.state = 'pending' OR d.lease_until < kartei.clock())
        ) t ORDER BY t.org;
    END;
