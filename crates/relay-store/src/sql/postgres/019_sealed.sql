-- Profiles lie sealed in the database where an organisation asks for it. Relays of the format before read none of them:
-- no organisation may ask before all relays are of this one.
ALTER TABLE kartei.organisations ADD COLUMN sealed boolean NOT NULL DEFAULT false;   -- whether it asks for it
ALTER TABLE kartei.organisations ADD COLUMN resealed boolean NOT NULL DEFAULT false; -- which wish all rows are known to be in line with
