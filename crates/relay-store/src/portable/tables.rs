//! The tables that are moved.

use crate::engine::Result;

use super::refused;

/// A table of both engines.
#[derive(Debug)]
pub(crate) struct Table {
    pub(super) name: &'static str,
    /// What tells an organisation's rows apart; nothing where it has one at most.
    pub(super) key: &'static [&'static str],
    /// Where the embedded engine's rows do not say whose they are: the column that leads to a row that
    /// does, its table and key.
    pub(super) parent: Option<(&'static str, &'static str, &'static str)>,
}

const fn own(name: &'static str, key: &'static [&'static str]) -> Table {
    Table { name, key, parent: None }
}

const fn of(
    name: &'static str,
    key: &'static [&'static str],
    parent: (&'static str, &'static str, &'static str),
) -> Table {
    Table { name, key, parent: Some(parent) }
}

/// All tables, those that others lead to before them.
pub(super) const TABLES: &[Table] = &[
    own("organisations", &[]),
    own("tokens", &["id"]),
    own("profiles", &["pk"]),
    of("documents", &["profile"], ("profile", "profiles", "pk")),
    of("changes", &["seq"], ("profile", "profiles", "pk")),
    own("imports", &["id"]),
    own("segments", &["generation", "number"]),
    own("erasures", &["rev"]),
    own("erasure_confirmations", &["rev", "token"]),
    own("digests", &["bucket"]),
    own("usage", &[]),
    own("uploads", &["pk"]),
    of("landed", &["upload", "at"], ("upload", "uploads", "pk")),
    own("contents", &["id"]),
    own("files", &["pk"]),
    of("attachments", &["file", "profile"], ("profile", "profiles", "pk")),
    own("file_reads", &["seq"]),
    own("job_queues", &[]),
    own("job_pauses", &["analysis"]),
    own("jobs", &["pk"]),
    own("job_events", &["job", "seq"]),
    own("job_partials", &["job"]),
    own("job_results", &["pk"]),
    own("notifications", &["pk"]),
    own("audit_events", &["seq"]),
    own("audit_heads", &[]),
    own("retention_policies", &[]),
    own("retention_runs", &["pk"]),
    own("retention_blobs", &["blob"]),
    own("webhooks", &[]),
    own("deliveries", &["pk"]),
    own("calibrations", &["version"]),
];

/// Tables that stay: the format's own steps, who has what open just now, and rows that are only locked.
pub(super) const LOCAL: &[&str] = &["formats", "presence", "presence_heads", "delivery_heads"];

impl Table {
    /// The column that says whose a row is.
    pub(super) fn org(&self) -> &'static str {
        if self.name == "organisations" { "id" } else { "org" }
    }

    /// Whether its rows say whose they are beside what is moved of them, on this engine.
    pub(super) fn has_org(&self, embedded: bool) -> bool {
        self.name != "organisations" && !(embedded && self.parent.is_some())
    }

    /// Where the key's columns are among those that are moved.
    pub(super) fn key_places(&self, columns: &[String]) -> Result<Vec<usize>> {
        let place = |key: &&str| columns.iter().position(|column| column == key);
        let places = self.key.iter().map(place).collect::<Option<Vec<_>>>();
        places.ok_or_else(|| refused(format!("the table `{}` lacks its key", self.name)))
    }

    /// `("a", "b")`, each named by `of`; the key in SQL.
    pub(super) fn key_list(&self, of: impl Fn(&str) -> String) -> String {
        self.key.iter().map(|key| of(key)).collect::<Vec<_>>().join(", ")
    }
}
