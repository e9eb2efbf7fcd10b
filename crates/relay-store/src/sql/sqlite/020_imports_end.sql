-- How long bodies and reports of imports are kept.
ALTER TABLE retention_policies ADD COLUMN imports_days INTEGER CHECK (imports_days >= 0); -- NULL is for ever
