-- Who runs an import, and how far it is: what a relay that dies began, another one ends.
ALTER TABLE kartei.imports
    ADD COLUMN runner text,               -- names a relay's run; nothing where none has it
    ADD COLUMN lease_until bigint,        -- milliseconds since 1970; nobody's from then on
    ADD COLUMN attempts integer NOT NULL DEFAULT 0, -- without progress since
    ADD COLUMN progress text,             -- written with the records that it counts
    ADD COLUMN cancelled_at bigint;
CREATE INDEX imports_open ON kartei.imports (lease_until) WHERE finished_at IS NULL;

-- Leases are compared with one clock, the database's.
CREATE FUNCTION kartei.clock() RETURNS bigint LANGUAGE sql VOLATILE
    RETURN (extract(epoch FROM clock_timestamp()) * 1000)::bigint;

-- What nobody runs any more, of all organisations: a relay asks before it knows of any.
CREATE POLICY lookup ON kartei.imports FOR SELECT TO CURRENT_USER USING (true);
CREATE FUNCTION kartei.abandoned_imports() RETURNS TABLE (org bigint, id text)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT i.org, i.id FROM kartei.imports i
        WHERE i.finished_at IS NULL AND i.lease_until < kartei.clock()
        ORDER BY i.started_at;
    END;
