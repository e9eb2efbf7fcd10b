//! The sample data, and a diagnostic bundle of a data folder that is full of a person.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kartei_app::{App, AppOptions, start_log};
use kartei_local_store::{Store, StoreOptions, TokenAt};
use kartei_protocol::commands::Commands;
use kartei_protocol::desktop::{
    Edit, EditProfile, Empty, ImportFiles, ImportId, ImportState, LogLevel, PrepareDiagnostics,
    ReadLog, SaveDiagnostics, SyncState, WindowFacts,
};
use kartei_protocol::events::HostEvent;
use kartei_protocol::problem::ProblemCode;
use kartei_protocol::sync::WhoAmI;
use serde_json::{Value, json};

/// An import of some lines takes milliseconds; the rest is a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

const TOKEN: &str = "token-7f3c9e1b2a";

fn open(data: &Path) -> Result<(Arc<App>, Receiver<HostEvent>)> {
    let app = App::open(AppOptions { data_dir: data.to_owned(), ..AppOptions::default() })?;
    let (sender, events) = channel();
    app.subscribe(move |event| drop(sender.send(event.clone())));
    Ok((app, events))
}

fn wait(events: &Receiver<HostEvent>, what: impl Fn(&HostEvent) -> bool) -> Result<()> {
    while !what(&events.recv_timeout(DEADLINE).context("the host tells nothing more")?) {}
    Ok(())
}

fn has_ended(event: &HostEvent) -> bool {
    matches!(event, HostEvent::Import { run } if run.state == ImportState::Done)
}

#[test]
fn the_sample_comes_like_any_file_and_goes_with_one_step() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (app, events) = open(folder.path())?;
    let before = app.sample_data(Empty {})?;
    assert_eq!((before.here, before.import), (0, None));
    app.import_sample(Empty {})?;
    wait(&events, has_ended)?;
    let here = app.sample_data(Empty {})?;
    assert_eq!((here.here, here.offered), (2_800, 2_800));
    assert_eq!(app.store_info(Empty {})?.profiles, here.offered, "nothing else came with it");
    let import = here.import.context("the import that brought it")?;
    let done = app.undo_import(ImportId { import })?;
    assert_eq!((done.changed, done.refused), (2_800, 0));
    let after = app.sample_data(Empty {})?;
    assert_eq!((after.here, after.import), (0, None));
    app.shutdown();
    Ok(())
}

#[test]
fn a_bundle_tells_what_happened_and_names_nobody() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("home-of-anna");
    let who = WhoAmI {
        organisation: "Keller und Roth".to_owned(),
        name: "Anna Keller".to_owned(),
        role: "analyst".to_owned(),
        epoch: "0f".repeat(16),
    };
    // Nobody listens at port 9: the state is offline.
    let relay = "http://127.0.0.1:9/team-anna";
    Store::open(&data, StoreOptions::default())?.sign_in(relay, TokenAt::Database(TOKEN), &who)?;
    start_log(&data);
    let (app, events) = open(&data)?;
    let record = json!({
        "schema": "user_profile.v1",
        "id": "anna-keller",
        "display_name": "Anna Keller",
        "attributes": { "city": "Solothurn" },
        "tags": ["beekeeper"],
        "notes": "Prefers mail.",
    });
    let file = folder.path().join("people-of-anna.ndjson");
    let wrong = r#"{"schema":"user_profile.v1","id":"bruno-wenger","tags":"chess"}"#;
    fs::write(&file, format!("{record}\n{wrong}\n"))?;
    let paths = vec![file.display().to_string()];
    app.import_files(ImportFiles { paths, dry_run: false, lines_max: None })?;
    wait(&events, has_ended)?;
    let value = Value::from("Moved to Olten.");
    let edits = vec![Edit::Set { pointer: "/notes".to_owned(), value }];
    app.edit_profile(EditProfile { id: "anna-keller".to_owned(), edits })?;
    app.start_sync();
    wait(
        &events,
        |event| matches!(event, HostEvent::Sync { status } if status.state == SyncState::Offline),
    )?;

    let window = WindowFacts { language: "de".to_owned(), ..WindowFacts::default() };
    let shown = app.prepare_diagnostics(PrepareDiagnostics { check: true, window })?;
    let path = folder.path().join("bundle.zip");
    let to = Some(path.display().to_string());
    let saved = app.save_diagnostics(SaveDiagnostics { bundle: shown.bundle, to })?;
    let bundle = fs::read(&path)?;
    assert_eq!(saved.bytes, bundle.len() as u64);
    let text = String::from_utf8_lossy(&bundle);
    for file in &shown.files {
        ensure!(text.contains(&file.name) && text.contains(&file.text), "{} is whole", file.name);
    }
    let persons = [
        TOKEN,
        "anna",
        "keller",
        "roth",
        "bruno",
        "wenger",
        "solothurn",
        "olten",
        "beekeeper",
        "chess",
        "prefers",
        "people-of",
        "home-of",
        "city",
    ];
    let lower = text.to_lowercase();
    for word in persons {
        ensure!(!lower.contains(&word.to_lowercase()), "the bundle says `{word}`:\n{text}");
    }

    let read = |name: &str| -> Result<&str> {
        let file = shown.files.iter().find(|file| file.name == name);
        Ok(&file.with_context(|| format!("{name} is in the bundle"))?.text)
    };
    let of = |name: &str| -> Result<Value> { Ok(serde_json::from_str(read(name)?)?) };
    assert_eq!(of("program.json")?["window"]["language"], "de");
    assert_eq!(of("sync.json")?["state"], "offline");
    assert_eq!(of("sync.json")?["relay"], "http://127.0.0.1:9");
    assert_eq!(of("store.json")?["profiles"], 1);
    assert_eq!(of("imports.json")?[0]["counts"]["rejected"], 1);
    assert_eq!(of("check.json")?["findings"], json!([]));
    for said in ["Data folder opened", "Import ended", "\"state\":\"Offline\""] {
        ensure!(read("log.ndjson")?.contains(said), "the log says {said}");
    }

    let search = ReadLog { search: "rejected=1".to_owned(), ..ReadLog::default() };
    assert_eq!(app.read_log(search)?.matching, 1);
    let warnings = ReadLog { level: LogLevel::Warn, ..ReadLog::default() };
    let warnings = app.read_log(warnings)?;
    assert!(warnings.entries.iter().all(|entry| entry.level >= LogLevel::Warn));
    assert!(warnings.matching < warnings.total, "there were other entries");

    app.prepare_diagnostics(PrepareDiagnostics::default())?;
    let again = app.save_diagnostics(SaveDiagnostics { bundle: shown.bundle, to: None });
    assert_eq!(again.map_err(|problem| problem.code), Err(ProblemCode::Blocked), "not shown last");
    app.shutdown();
    Ok(())
}
