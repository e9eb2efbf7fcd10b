-- When a profile was last changed, for `Last-Modified` and lists; and whether it was deleted.
ALTER TABLE profiles ADD COLUMN changed_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE profiles ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
