-- A deleted profile that was merged into another one names it (docs/adr/0030), as its document does.
ALTER TABLE profiles ADD COLUMN became TEXT;
CREATE INDEX profiles_became ON profiles (became) WHERE became IS NOT NULL;
