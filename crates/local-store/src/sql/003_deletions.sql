-- Deleted profiles keep their row: their history can be read, and what is said of them later has to
-- meet them. They are in no list. 0 and 1 take no room in a row and are read without what lies
-- before them.
ALTER TABLE profiles ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
