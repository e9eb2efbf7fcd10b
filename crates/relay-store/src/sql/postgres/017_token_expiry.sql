-- Tokens that end by themselves, and who made them. Moments are milliseconds since 1970.
ALTER TABLE kartei.tokens ADD COLUMN expires_at bigint; -- NULL: never
ALTER TABLE kartei.tokens ADD COLUMN created_by text;   -- a token's name, or `administrator`; NULL: not known
CREATE INDEX tokens_of ON kartei.tokens (org, id);

-- Relays of the format before ask this one: for them too a token ends.
CREATE OR REPLACE FUNCTION kartei.token_by_hash(asked bytea)
    RETURNS TABLE (id bigint, org bigint, organisation text, epoch text, name text, role text,
                   last_used_at bigint)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT t.id, t.org, o.name, o.epoch, t.name, t.role, t.last_used_at
        FROM kartei.tokens t JOIN kartei.organisations o ON o.id = t.org
        WHERE t.hash = asked AND t.revoked_at IS NULL
        AND (t.expires_at IS NULL OR t.expires_at > kartei.clock());
    END;

-- The token that holds at a moment.
CREATE FUNCTION kartei.token_at(asked bytea, moment bigint)
    RETURNS TABLE (id bigint, org bigint, organisation text, epoch text, name text, role text,
                   last_used_at bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT t.id, t.org, o.name, o.epoch, t.name, t.role, t.last_used_at
        FROM kartei.tokens t JOIN kartei.organisations o ON o.id = t.org
        WHERE t.hash = asked AND t.revoked_at IS NULL
        AND (t.expires_at IS NULL OR t.expires_at > moment);
    END;
