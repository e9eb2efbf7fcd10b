//! Workspaces: nothing crosses from one to another, whatever a window does.

mod steps;

use std::path::Path;
use std::sync::{Arc, Mutex};

use kartei_app::{AppOptions, Workplace, workspace_folder, workspaces};
use kartei_protocol::events::HostEvent;
use kartei_protocol::problem::ProblemCode;
use serde_json::{Value, json};

use steps::{ask, ids, import, refused};

fn open(home: &Path) -> Arc<Workplace> {
    let options = AppOptions { data_dir: home.to_owned(), ..AppOptions::default() };
    Workplace::open(options).expect("the home opens")
}

/// Adds a workspace without a relay, and answers its id; it is open then.
fn add(workplace: &Arc<Workplace>, name: &str) -> String {
    let all = ask(workplace, "add_workspace", json!({ "name": name, "relay": null }));
    let all = all["workspaces"].as_array().expect("a list");
    let new = all.iter().find(|one| one["name"] == name).expect("the new one is listed");
    assert_eq!(new["current"], true);
    new["id"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn nothing_crosses_from_one_workspace_to_another() {
    let folder = tempfile::tempdir().unwrap();
    let workplace = open(&folder.path().join("home"));
    import(&workplace, folder.path(), "at-home");
    let study = add(&workplace, "Study");
    assert!(ids(&workplace).is_empty());
    import(&workplace, folder.path(), "in-study");
    assert_eq!(ids(&workplace), ["in-study"]);
    let past = ask(&workplace, "list_imports", json!({}));
    assert_eq!(past["entries"].as_array().unwrap().len(), 1, "only its own import: {past}");
    ask(&workplace, "open_workspace", json!({ "id": "home" }));
    assert_eq!(ids(&workplace), ["at-home"]);
    let id = json!({ "id": "in-study" });
    assert_eq!(refused(&workplace, "get_profile", id).code, ProblemCode::NotFound);
    ask(&workplace, "open_workspace", json!({ "id": study }));
    assert_eq!(ids(&workplace), ["in-study"]);
    workplace.shutdown();
}

#[test]
fn the_former_workspace_is_not_heard_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let workplace = open(&folder.path().join("home"));
    let heard: Arc<Mutex<Vec<HostEvent>>> = Arc::default();
    let told = Arc::clone(&heard);
    workplace.subscribe(move |event| told.lock().unwrap().push(event.clone()));
    let former = workplace.app().expect("it is open");
    add(&workplace, "Study");
    assert!(heard.lock().unwrap().contains(&HostEvent::WorkspaceOpened));
    heard.lock().unwrap().clear();
    former.files_hover(true, vec!["/for/the/former".to_owned()]);
    assert!(heard.lock().unwrap().is_empty(), "{heard:?}");
    workplace.files_hover(false, Vec::new());
    assert_eq!(heard.lock().unwrap().len(), 1, "the open one is heard, once");
    workplace.shutdown();
}

#[test]
fn the_workspace_that_was_open_last_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let workplace = open(folder.path());
    let study = add(&workplace, "Study");
    import(&workplace, folder.path(), "in-study");
    workplace.shutdown();
    drop(workplace);
    let workplace = open(folder.path());
    assert_eq!(ids(&workplace), ["in-study"]);
    workplace.shutdown();
    drop(workplace);
    // Somebody took its folder away: the window opens all the same, and makes no empty one of it.
    let gone = workspace_folder(folder.path(), &study).unwrap();
    std::fs::remove_dir_all(&gone).unwrap();
    let workplace = open(folder.path());
    assert!(ids(&workplace).is_empty());
    let problem = refused(&workplace, "open_workspace", json!({ "id": study }));
    assert_eq!(problem.code, ProblemCode::FileMissing);
    assert!(!gone.exists());
    workplace.shutdown();
}

#[test]
fn programs_find_a_workspace_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let workplace = open(folder.path());
    let id = add(&workplace, "Study Bern");
    let renamed = json!({ "id": id, "name": " Study Basel " });
    ask(&workplace, "rename_workspace", renamed);
    workplace.shutdown();
    let expected = folder.path().join("workspaces").join(&id);
    for name in ["Study Basel", "study basel", &id] {
        assert_eq!(workspace_folder(folder.path(), name).unwrap(), expected, "{name}");
    }
    assert_eq!(workspace_folder(folder.path(), "home").unwrap(), folder.path());
    let problem = workspace_folder(folder.path(), "Study Bern").unwrap_err();
    assert_eq!(problem.code, ProblemCode::NotFound);
    assert_eq!(workspaces(folder.path()).unwrap().workspaces.len(), 2);
}

#[test]
fn names_are_one_line_and_of_one_workspace() {
    let folder = tempfile::tempdir().unwrap();
    let workplace = open(folder.path());
    add(&workplace, "Study");
    let name = |name: &str| json!({ "id": "home", "name": name });
    let code = |name| refused(&workplace, "rename_workspace", name).code;
    assert_eq!(code(name(" ")), ProblemCode::InvalidRequest);
    assert_eq!(code(name("a\nb")), ProblemCode::InvalidRequest);
    assert_eq!(code(name(&"x".repeat(81))), ProblemCode::InvalidRequest);
    assert_eq!(code(name("STUDY")), ProblemCode::Blocked);
    let nameless = json!({ "name": null, "relay": null });
    assert_eq!(refused(&workplace, "add_workspace", nameless).code, ProblemCode::InvalidRequest);
    workplace.shutdown();
}

#[test]
fn a_workspace_whose_relay_does_not_answer_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let workplace = open(folder.path());
    let relay = json!({ "url": "http://127.0.0.1:9", "token": "kartei_none" });
    let problem = refused(&workplace, "add_workspace", json!({ "name": "Study", "relay": relay }));
    assert_eq!(problem.code, ProblemCode::Offline, "{problem}");
    let all = ask(&workplace, "list_workspaces", json!({}));
    assert_eq!(all["workspaces"].as_array().unwrap().len(), 1);
    let left = std::fs::read_dir(folder.path().join("workspaces")).unwrap().count();
    assert_eq!(left, 0, "no folder is left");
    workplace.shutdown();
}

#[test]
fn removing_a_workspace_takes_its_data_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let workplace = open(&home);
    import(&workplace, folder.path(), "at-home");
    let study = add(&workplace, "Study");
    import(&workplace, folder.path(), "in-study");
    let remove = |id: &str, even_unsent| json!({ "id": id, "even_unsent": even_unsent });
    let problem = refused(&workplace, "remove_workspace", remove(&study, true));
    assert_eq!(problem.code, ProblemCode::Blocked, "it is open");
    ask(&workplace, "open_workspace", json!({ "id": "home" }));
    let problem = refused(&workplace, "remove_workspace", remove("home", true));
    assert_eq!(problem.code, ProblemCode::Blocked, "the others lie in it");
    let problem = refused(&workplace, "remove_workspace", remove(&study, false));
    assert_eq!((problem.code, problem.subject.as_deref()), (ProblemCode::Blocked, Some("1")));
    let place = workspace_folder(&home, &study).unwrap();
    assert!(place.is_dir());
    ask(&workplace, "remove_workspace", remove(&study, true));
    assert_eq!(std::fs::read_dir(home.join("workspaces")).unwrap().count(), 0);
    assert_eq!(ids(&workplace), ["at-home"]);
    let problem = refused(&workplace, "remove_workspace", remove(&study, true));
    assert_eq!(problem.code, ProblemCode::NotFound);
    workplace.shutdown();
}

#[test]
fn what_was_half_removed_goes_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let doomed = folder.path().join("workspaces").join("0a1b2c3d.removed");
    std::fs::create_dir_all(&doomed).unwrap();
    std::fs::write(doomed.join("kartei.sqlite"), "left").unwrap();
    open(folder.path()).shutdown();
    assert!(!doomed.exists());
}

#[test]
fn a_list_that_leads_elsewhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let entry = |id: &str| json!({ "id": id, "name": null, "organisation": null, "relay": null });
    let write = |entries: Value| {
        let list = json!({ "format": 1, "last": "home", "entries": entries });
        std::fs::write(folder.path().join("workspaces.json"), list.to_string()).unwrap();
    };
    for id in ["../elsewhere", "/etc", "a/b", "", "A", "x.removed"] {
        write(json!([entry("home"), entry(id)]));
        let problem = workspaces(folder.path()).expect_err(id);
        assert_eq!(problem.code, ProblemCode::FileUnreadable, "{id}");
    }
    write(json!([entry("home"), entry("0a1b2c3d")]));
    assert_eq!(workspaces(folder.path()).unwrap().workspaces.len(), 2);
}

#[test]
fn a_link_waits_for_whoever_takes_it_first() {
    let folder = tempfile::tempdir().unwrap();
    let workplace = open(folder.path());
    workplace.link_opened("kartei://profile/anna%40example.org");
    let taken = ask(&workplace, "take_opened_link", json!({}));
    assert_eq!(taken, json!({ "profile": "anna@example.org", "result": null, "problem": null }));
    let again = ask(&workplace, "take_opened_link", json!({}));
    assert_eq!(again, json!({ "profile": null, "result": null, "problem": null }));
    workplace.link_opened("kartei://result/result-7d2f");
    let taken = ask(&workplace, "take_opened_link", json!({}));
    assert_eq!(taken, json!({ "profile": null, "result": "result-7d2f", "problem": null }));
    workplace.link_opened("kartei://profile/../x");
    let taken = ask(&workplace, "take_opened_link", json!({}));
    assert_eq!(taken["problem"]["code"], "invalid_request");
    workplace.shutdown();
}

#[test]
fn notes_are_shown_by_the_front_end_that_can() {
    let folder = tempfile::tempdir().unwrap();
    let workplace = open(folder.path());
    let notice = json!({ "kind": "import", "title": "Import finished", "text": "a.ndjson" });
    let shown = |notice: &Value| ask(&workplace, "show_notice", notice.clone())["shown"].clone();
    assert_eq!(shown(&notice), false);
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let note = Arc::clone(&seen);
    workplace.notify_with(move |notice| {
        note.lock().unwrap().push(notice.title.clone());
        true
    });
    assert_eq!(shown(&notice), true);
    assert_eq!(*seen.lock().unwrap(), ["Import finished"]);
    let long = json!({ "kind": "import", "title": "x".repeat(201), "text": "" });
    assert_eq!(refused(&workplace, "show_notice", long).code, ProblemCode::InvalidRequest);
    workplace.shutdown();
}
