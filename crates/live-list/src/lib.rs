//! Lists of an organisation's profiles, kept in memory and brought up by revisions.
