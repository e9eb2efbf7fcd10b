-- Whom a calibration would move: what was seen the last time that somebody looked. Nobody's id is in it.
ALTER TABLE kartei.calibrations ADD COLUMN compared_with text COLLATE "C"; -- the version it was held against; NULL: nobody looked
ALTER TABLE kartei.calibrations ADD COLUMN moves text;         -- JSON, by dimension; NULL: of another version of the schema
