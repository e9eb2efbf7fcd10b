-- Who runs an import, and how far it is: what a relay that dies began, another one ends.
ALTER TABLE imports ADD COLUMN runner TEXT;           -- names a relay's run; nothing where none has it
ALTER TABLE imports ADD COLUMN lease_until INTEGER;   -- milliseconds since 1970; nobody's from then on
ALTER TABLE imports ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0; -- without progress since
ALTER TABLE imports ADD COLUMN progress TEXT;         -- written with the records that it counts
ALTER TABLE imports ADD COLUMN cancelled_at INTEGER;
CREATE INDEX imports_open ON imports (lease_until) WHERE finished_at IS NULL;
