-- Profiles lie sealed in the database where an organisation asks for it.
ALTER TABLE organisations ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;   -- whether it asks for it
ALTER TABLE organisations ADD COLUMN resealed INTEGER NOT NULL DEFAULT 0; -- which wish all rows are known to be in line with
