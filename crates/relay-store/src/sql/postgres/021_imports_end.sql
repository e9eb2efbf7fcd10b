-- How long bodies and reports of imports are kept.
ALTER TABLE kartei.retention_policies ADD COLUMN imports_days bigint CHECK (imports_days >= 0); -- NULL is for ever
