//! What tests of workspaces do in them.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use kartei_app::Workplace;
use kartei_protocol::problem::Problem;
use serde_json::{Value, json};

/// Calls a command that goes well.
pub(crate) fn ask(workplace: &Arc<Workplace>, name: &str, payload: Value) -> Value {
    workplace.call(name, payload).unwrap_or_else(|problem| panic!("{name}: {problem}"))
}

/// Calls a command that is refused.
pub(crate) fn refused(workplace: &Arc<Workplace>, name: &str, payload: Value) -> Problem {
    workplace.call(name, payload).expect_err(name)
}

/// Imports one profile into the open workspace.
pub(crate) fn import(workplace: &Arc<Workplace>, folder: &Path, id: &str) {
    let file = folder.join(format!("{id}.ndjson"));
    let record = json!({ "schema": "user_profile.v1", "id": id });
    fs::write(&file, format!("{record}\n")).expect("the file is written");
    let report = workplace.app().expect("it is open").import_now(&file, false, |_| ());
    assert_eq!(report.counts.created, 1, "{report:?}");
}

/// The ids of the first profiles.
pub(crate) fn ids(workplace: &Arc<Workplace>) -> Vec<String> {
    let page = ask(workplace, "list_profiles", json!({ "limit": 10 }));
    let rows = page["rows"].as_array().expect("a page has rows");
    rows.iter().map(|row| row["id"].as_str().unwrap_or_default().to_owned()).collect()
}
