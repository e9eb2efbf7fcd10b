-- Who has which profile open. Not logged: a crash of the database cuts all connections, and who comes
-- back says anew what is open.
CREATE UNLOGGED TABLE kartei.presence (
    org bigint NOT NULL,
    token bigint NOT NULL,                -- the token's number
    session text COLLATE "C" NOT NULL,    -- names a connection among those of the token
    person text NOT NULL,                 -- the token's name
    profile text COLLATE "C" NOT NULL,
    until bigint NOT NULL,                -- milliseconds since 1970; nobody sits there from then on
    PRIMARY KEY (org, token, session)
);

-- Another number where another seat may be seen.
CREATE UNLOGGED TABLE kartei.presence_heads (
    org bigint PRIMARY KEY,
    version bigint NOT NULL
);

ALTER TABLE kartei.presence ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.presence FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.presence USING (org = kartei.org()) WITH CHECK (org = kartei.org());
ALTER TABLE kartei.presence_heads ENABLE ROW LEVEL SECURITY;
ALTER TABLE kartei.presence_heads FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON kartei.presence_heads
    USING (org = kartei.org()) WITH CHECK (org = kartei.org());
CREATE POLICY lookup ON kartei.presence_heads FOR SELECT TO CURRENT_USER USING (true);

-- What connected replicas may have to be told, of several organisations at once. Takes the place of
-- `heads_of`, which relays of the format before go on to ask.
CREATE FUNCTION kartei.notices_of(asked bigint[])
    RETURNS TABLE (org bigint, head_rev bigint, presence bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT o.id, o.head_rev, coalesce(p.version, 0)
        FROM kartei.organisations o LEFT JOIN kartei.presence_heads p ON p.org = o.id
        WHERE o.id = ANY (asked);
    END;
