-- What administrators did, as a chain: docs/adr/0026. Moments are milliseconds since 1970.
CREATE TABLE kartei.audit_events (
    org bigint NOT NULL,
    seq bigint NOT NULL,                  -- 1, 2, 3 and so on for each organisation
    at bigint NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    data text,
    hash bytea NOT NULL,                  -- BLAKE3 over the hash before and this event
    PRIMARY KEY (org, seq)
);
CREATE INDEX audit_actions ON kartei.audit_events (org, action, seq);

-- The newest link of a chain. The lock on its row orders those who write to it, and it is the last lock
-- that a transaction takes.
CREATE TABLE kartei.audit_heads (
    org bigint PRIMARY KEY,
    seq bigint NOT NULL,
    hash bytea NOT NULL
) WITH (fillfactor = 50);

-- Whatever program writes: nothing is changed or taken away, and the end only moves on by one.
CREATE FUNCTION kartei.keep_audit_head() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.org <> OLD.org OR NEW.seq <> OLD.seq + 1 THEN
        RAISE EXCEPTION 'the end of the audit only moves on';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep_written BEFORE UPDATE OR DELETE ON kartei.audit_events
    FOR EACH ROW EXECUTE FUNCTION kartei.keep_written();
CREATE TRIGGER keep_all BEFORE TRUNCATE ON kartei.audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION kartei.keep_written();
CREATE TRIGGER keep_head BEFORE UPDATE OR DELETE ON kartei.audit_heads
    FOR EACH ROW EXECUTE FUNCTION kartei.keep_audit_head();

ALTER TABLE kartei.audit_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.audit_events FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.audit_events USING (org = kartei.org()) WITH CHECK (org = kartei.org());
ALTER TABLE kartei.audit_heads ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.audit_heads FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.audit_heads USING (org = kartei.org()) WITH CHECK (org = kartei.org());

-- How many jobs of all organisations wait and run, for who watches the relay.
CREATE FUNCTION kartei.open_jobs() RETURNS TABLE (queued bigint, running bigint)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT (SELECT count(*) FROM kartei.jobs q WHERE q.state = 'queued'),
            (SELECT count(*) FROM kartei.jobs r WHERE r.state = 'running');
    END;
