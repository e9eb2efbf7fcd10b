-- A deleted profile that was merged into another one names it (docs/adr/0030), as its document does.
ALTER TABLE kartei.profiles ADD COLUMN became text COLLATE "C";
CREATE INDEX profiles_became ON kartei.profiles (org, became) WHERE became IS NOT NULL;
