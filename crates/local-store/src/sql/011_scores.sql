-- Scores of the rows of chunks, by the calibration that made them: copies, which can be made again. A chunk that was
-- scored has a column for each dimension, also where nobody has that score.
CREATE TABLE scores (
    chunk INTEGER NOT NULL,
    version TEXT NOT NULL,     -- of the calibration
    dimension TEXT NOT NULL,
    body BLOB NOT NULL,        -- a column, as in `columns`
    PRIMARY KEY (chunk, version, dimension)
);
