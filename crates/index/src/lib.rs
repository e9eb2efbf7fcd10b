//! Columns and words of profiles in chunks, and the lists that are read from them.
