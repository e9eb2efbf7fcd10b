-- The name of the token that brought a change first, where the change names another author, or none.
ALTER TABLE changes ADD COLUMN sent_by TEXT;
