//! The direction of dependencies, from `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;

/// Crates that know no input or output, no async runtime and no storage, not even by way of
/// another crate.
const PURE: &[&str] = &[
    "kartei-profile",
    "kartei-filter",
    "kartei-index",
    "kartei-ndjson",
    "kartei-export",
    "kartei-sync-core",
    "kartei-pieces",
    "kartei-upload-core",
    "kartei-job-core",
    "kartei-stats",
    "kartei-behavior",
    "kartei-analysis",
    "kartei-live-list",
];
const IMPURE: &[&str] = &[
    "tokio",
    "async-std",
    "smol",
    "rusqlite",
    "libsqlite3-sys",
    "tokio-postgres",
    "reqwest",
    "hyper",
    "axum",
    "tauri",
];

/// Sources of chance and time, which pure crates are given instead. Automerge reaches some, so only
/// naming them counts.
const PASSED_IN: &[&str] = &["getrandom", "rand", "uuid", "chrono"];

/// Only these may name the crate.
const NAMED_BY: &[(&str, &[&str])] = &[
    ("tauri", &["kartei-desktop"]),
    ("axum", &["kartei-relay", "kartei-dev-host"]),
    ("rusqlite", &["kartei-local-store", "kartei-relay-store"]),
    ("tokio-postgres", &["kartei-relay-store"]),
    ("deadpool-postgres", &["kartei-relay-store"]),
    // The relay asks the webhooks of its organisations, a provider for signing in, and collectors.
    ("reqwest", &["kartei-relay-client", "kartei-blob-store", "kartei-relay"]),
    ("keyring", &["kartei-keychain"]),
];

/// The first may not reach the second, not even by way of another crate.
const APART: &[(&str, &str)] = &[
    ("kartei-local-store", "kartei-relay-store"),
    ("kartei-relay-store", "kartei-local-store"),
    ("kartei-app", "tauri"),
    ("kartei-cli", "tauri"),
    ("kartei-app", "axum"),
    ("kartei-cli", "axum"),
    ("kartei-protocol", "kartei-app"),
    ("kartei-relay", "kartei-local-store"),
    ("kartei-desktop", "kartei-relay-store"),
];

/// Who depends on whom, by crate names; what tests and build scripts need does not count.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    members: BTreeSet<String>,
    needs: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// Reads the resolved graph.
    pub(crate) fn read(metadata: &Value) -> Result<Self> {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let names: BTreeMap<String, String> = list(&metadata["packages"])
            .iter()
            .map(|package| (text(&package["id"]), text(&package["name"])))
            .collect();
        let name = |id: &Value| names.get(id.as_str()?).cloned();
        let mut graph = Self::default();
        for id in list(&metadata["workspace_members"]) {
            graph.members.insert(name(&id).context("a member without a package")?);
        }
        for node in list(&metadata["resolve"]["nodes"]) {
            let from = name(&node["id"]).context("a node without a package")?;
            let needs = graph.needs.entry(from).or_default();
            for needed in list(&node["deps"]) {
                let is_normal =
                    list(&needed["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
                if is_normal {
                    needs.insert(name(&needed["pkg"]).context("a dependency without a package")?);
                }
            }
        }
        Ok(graph)
    }

    fn names(&self, from: &str, to: &str) -> bool {
        self.needs.get(from).is_some_and(|needs| needs.contains(to))
    }

    fn reaches(&self, from: &str, to: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = vec![from];
        while let Some(next) = open.pop() {
            for needed in self.needs.get(next).into_iter().flatten() {
                if needed == to {
                    return true;
                }
                if seen.insert(needed.as_str()) {
                    open.push(needed);
                }
            }
        }
        false
    }
}

/// The broken rules, as sentences.
pub(crate) fn check(graph: &Graph) -> Vec<String> {
    let mut broken = Vec::new();
    for pure in PURE {
        for impure in IMPURE.iter().filter(|impure| graph.reaches(pure, impure)) {
            broken.push(format!("{pure} is pure, but reaches {impure}"));
        }
        for passed_in in PASSED_IN.iter().filter(|passed_in| graph.names(pure, passed_in)) {
            broken.push(format!("{pure} is pure, but names {passed_in}; pass in what it gives"));
        }
    }
    for (named, allowed) in NAMED_BY {
        let others = graph.members.iter().filter(|member| !allowed.contains(&member.as_str()));
        for member in others.filter(|member| graph.names(member, named)) {
            broken.push(format!("{member} names {named}; only {} may", allowed.join(" and ")));
        }
    }
    for (from, to) in APART.iter().filter(|(from, to)| graph.reaches(from, to)) {
        broken.push(format!("{from} must not know {to}, but reaches it"));
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn graph(pairs: &[(&str, &str)]) -> Graph {
        let mut graph = Graph::default();
        for (from, to) in pairs {
            graph.members.insert((*from).to_owned());
            graph.needs.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        graph
    }

    #[test]
    fn the_intended_directions_pass() {
        let intended = graph(&[
            ("kartei-desktop", "tauri"),
            ("kartei-desktop", "kartei-app"),
            ("kartei-app", "kartei-local-store"),
            ("kartei-local-store", "rusqlite"),
            ("kartei-relay", "axum"),
        ]);
        assert_eq!(check(&intended), Vec::<String>::new());
    }

    #[test]
    fn a_pure_crate_is_found_out_through_another() {
        let broken = check(&graph(&[("kartei-profile", "helper"), ("helper", "tokio")]));
        assert_eq!(broken, ["kartei-profile is pure, but reaches tokio"]);
    }

    #[test]
    fn a_second_crate_that_names_tauri_is_found() {
        let broken = check(&graph(&[("kartei-dev-host", "tauri")]));
        assert_eq!(broken, ["kartei-dev-host names tauri; only kartei-desktop may"]);
    }

    #[test]
    fn stores_that_know_each_other_are_found() {
        let broken = check(&graph(&[("kartei-local-store", "kartei-relay-store")]));
        assert_eq!(broken, ["kartei-local-store must not know kartei-relay-store, but reaches it"]);
    }

    #[test]
    fn what_only_tests_need_does_not_count() {
        let metadata = json!({
            "packages": [{ "id": "a 1", "name": "kartei-app" }, { "id": "t 1", "name": "tauri" }],
            "workspace_members": ["a 1"],
            "resolve": { "nodes": [
                { "id": "a 1", "deps": [{ "pkg": "t 1", "dep_kinds": [{ "kind": "dev" }] }] },
                { "id": "t 1", "deps": [] }
            ]}
        });
        assert_eq!(check(&Graph::read(&metadata).unwrap()), Vec::<String>::new());
    }
}
