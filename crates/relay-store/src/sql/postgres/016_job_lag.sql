-- For how long the oldest job of all organisations waits that may begin, in milliseconds, for who watches the
-- relay. What somebody paused waits by intention.
CREATE FUNCTION kartei.job_lag() RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT greatest(0, coalesce(max(kartei.clock() - j.due_at), 0)) FROM kartei.jobs j
            WHERE j.state = 'queued'
            AND NOT EXISTS (SELECT FROM kartei.job_queues q
                WHERE q.org = j.org AND q.paused_at IS NOT NULL)
            AND NOT EXISTS (SELECT FROM kartei.job_pauses p
                WHERE p.org = j.org AND p.analysis = j.analysis);
    END;
