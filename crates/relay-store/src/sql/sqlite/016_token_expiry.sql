-- Tokens that end by themselves, and who made them. Moments are milliseconds since 1970.
ALTER TABLE tokens ADD COLUMN expires_at INTEGER; -- NULL: never
ALTER TABLE tokens ADD COLUMN created_by TEXT;    -- a token's name, or `administrator`; NULL: not known
CREATE INDEX tokens_of ON tokens (org, id);
