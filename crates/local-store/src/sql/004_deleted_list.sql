-- Deleted profiles have a list of their own, the last one first.
CREATE INDEX profiles_deleted ON profiles (changed_at, id) WHERE deleted = 1;
