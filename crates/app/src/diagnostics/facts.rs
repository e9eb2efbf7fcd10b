//! What is in a diagnostic bundle. Everything here is a count, a version, a moment or a stable word:
//! no id, name, text, path or token. Addresses lose all but scheme, host and port.

use kartei_protocol::desktop::{DiagnosticFile, PrepareDiagnostics, SyncStatus};
use kartei_protocol::problem::Problem;
use serde_json::{Value, json};

use crate::app::App;
use crate::clock;
use crate::problem::of_store;
use crate::sync;

/// Imports of the past that are told, newest first: enough to see a habit.
const IMPORTS_TOLD: u32 = 50;

const READ_ME: &str = "\
What this is: facts about an installation of Kartei, for somebody who helps.
It holds no profiles, no ids, no names, no file names, no notes and no tokens.

program.json   versions, and how the window is set up
sync.json      the state of syncing, and the relay's address without account or path
store.json     how many profiles, how large
imports.json   the last imports: when, how many lines, how they ended
check.json     what a check of the data folder found, by kind
log.ndjson     the program's log, newest first
";

/// All files of a bundle.
pub(super) fn collect(
    app: &App,
    request: &PrepareDiagnostics,
) -> Result<Vec<DiagnosticFile>, Problem> {
    let mut files = vec![DiagnosticFile { name: "README.txt".into(), text: READ_ME.into() }];
    let mut add = |name: &str, value: &Value| {
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        files.push(DiagnosticFile { name: name.to_owned(), text: format!("{text}\n") });
    };
    add("program.json", &program(app, request));
    add("sync.json", &syncing(&sync::status(&app.shared)?));
    add("store.json", &store(app)?);
    add("imports.json", &imports(app)?);
    add("check.json", &check(app, request.check)?);
    let lines: Vec<String> = app
        .log_entries()?
        .iter()
        .filter_map(|entry| serde_json::to_string(entry).ok())
        .map(|line| line + "\n")
        .collect();
    files.push(DiagnosticFile { name: "log.ndjson".into(), text: lines.concat() });
    Ok(files)
}

fn program(app: &App, request: &PrepareDiagnostics) -> Value {
    let about = app.versions();
    let window = &request.window;
    // The data folder's path would name the account.
    json!({
        "made_at": clock::text(clock::now()),
        "version": about.version,
        "platform": about.platform,
        "sqlite": about.sqlite,
        "store_format": about.store_format,
        "record_schema": about.record_schema,
        "web_engine": about.web_engine,
        "window": {
            "language": window.language,
            "theme": window.theme,
            "density": window.density,
            "engine": window.engine,
            "size": window.size,
        },
    })
}

fn syncing(status: &SyncStatus) -> Value {
    json!({
        "state": status.state,
        "relay": status.relay.as_deref().map(origin),
        "role": status.role,
        "revision": status.rev,
        "pending": status.pending,
        "conflicts": status.conflicts,
        "rejected": status.rejected,
        "synced_at": status.synced_at,
        "offline_since": status.offline_since,
        "problem": status.problem.as_ref().map(|problem| problem.code),
        "rereading": status.rereading,
        "mended": status.repaired.as_ref().map(|report| json!({
            "at": report.at, "replaced": report.replaced, "offered": report.offered,
        })),
    })
}

/// Scheme, host and port of an address; an account or a path in it may name a person.
fn origin(address: &str) -> String {
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}")
}

fn store(app: &App) -> Result<Value, Problem> {
    let info = app.size()?;
    let acts = app.acts()?.entries.len();
    let watched = app.shared.store.watched().map_err(|e| of_store(&e))?.len();
    Ok(json!({
        "profiles": info.profiles,
        "bytes": info.bytes,
        "free_bytes": info.free_bytes,
        "imports": info.imports,
        "steps_listed": acts,
        "watched_folders": watched,
    }))
}

fn imports(app: &App) -> Result<Value, Problem> {
    let entries = app.shared.store.imports(None, IMPORTS_TOLD).map_err(|e| of_store(&e))?;
    let told = entries.iter().map(|entry| {
        json!({
            "import": entry.import,
            "source": entry.source,
            "state": entry.state,
            "started_at": entry.started_at,
            "ended_at": entry.ended_at,
            "bytes": entry.bytes,
            "undone": entry.undone_at.is_some(),
            "counts": entry.counts,
        })
    });
    Ok(told.collect())
}

fn check(app: &App, wanted: bool) -> Result<Value, Problem> {
    if !wanted {
        return Ok(json!({ "checked": false }));
    }
    let check = app.check(false)?;
    // A finding's message names ids; its kind and its count do not.
    let findings = check.findings.iter().map(|finding| {
        json!({ "code": finding.code, "count": finding.count, "repaired": finding.repaired })
    });
    Ok(json!({
        "checked": true,
        "profiles": check.profiles,
        "findings": findings.collect::<Value>(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_only_the_machine_is_told() {
        for (address, told) in [
            ("https://relay.example:8443/anna/keller?token=x", "https://relay.example:8443"),
            ("https://anna:secret@relay.example/x", "https://relay.example"),
            ("http://[::1]:7/", "http://[::1]:7"),
        ] {
            assert_eq!(origin(address), told);
        }
    }
}
