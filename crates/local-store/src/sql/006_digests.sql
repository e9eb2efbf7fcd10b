-- What the profiles come to in each of 256 buckets by id (kartei_sync_core::Digests), compared with the
-- relay's after each sync. It lies in the row that each transaction writes anyway. NULL: counted at the
-- next check of the day; a folder without profiles needs no counting.
ALTER TABLE counters ADD COLUMN digests BLOB;
UPDATE counters SET digests = zeroblob(4096) WHERE NOT EXISTS (SELECT 1 FROM profiles);
