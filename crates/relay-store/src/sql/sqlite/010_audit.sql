-- What administrators did, as a chain: docs/adr/0026. Moments are milliseconds since 1970.
CREATE TABLE audit_events (
    org INTEGER NOT NULL,
    seq INTEGER NOT NULL,                 -- 1, 2, 3 and so on for each organisation
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    data TEXT,
    hash BLOB NOT NULL,                   -- BLAKE3 over the hash before and this event
    PRIMARY KEY (org, seq)
);
CREATE INDEX audit_actions ON audit_events (org, action, seq);

-- The newest link of a chain.
CREATE TABLE audit_heads (
    org INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL
);

-- Whatever program writes: nothing is changed or taken away, and the end only moves on by one.
CREATE TRIGGER keep_audit_events BEFORE UPDATE ON audit_events
    BEGIN SELECT RAISE(ABORT, 'the audit is never changed'); END;
CREATE TRIGGER keep_all_audit_events BEFORE DELETE ON audit_events
    BEGIN SELECT RAISE(ABORT, 'nothing is taken from the audit'); END;
CREATE TRIGGER keep_audit_head BEFORE UPDATE ON audit_heads
    WHEN NEW.org <> OLD.org OR NEW.seq <> OLD.seq + 1
    BEGIN SELECT RAISE(ABORT, 'the end of the audit only moves on'); END;
CREATE TRIGGER keep_audit_heads BEFORE DELETE ON audit_heads
    BEGIN SELECT RAISE(ABORT, 'the end of the audit only moves on'); END;
