-- Whom a calibration would move: what was seen the last time that somebody looked. Nobody's id is in it.
ALTER TABLE calibrations ADD COLUMN compared_with TEXT; -- the version it was held against; NULL: nobody looked
ALTER TABLE calibrations ADD COLUMN moves TEXT;         -- JSON, by dimension; NULL: of another version of the schema
