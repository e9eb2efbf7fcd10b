//! Uploads of an application, against a relay in memory: they end whole whatever is in the way, go on after the
//! program ended, and a file that changed is told.

mod relay;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kartei_app::{App, AppOptions};
use kartei_protocol::commands::Commands;
use kartei_protocol::desktop::{AddUploads, Empty, SignIn, Upload, UploadId, UploadStage};
use kartei_protocol::problem::ProblemCode;
use kartei_test_support::until_some;
use relay::FakeRelay;
use tempfile::TempDir;

const MIB: usize = 1024 * 1024;

/// How long an upload may take on a busy machine.
const SOON: Duration = Duration::from_secs(60);

struct Desk {
    folder: TempDir,
    relay: FakeRelay,
    app: Arc<App>,
}

fn open(folder: &Path) -> Arc<App> {
    let data_dir = folder.join("data");
    App::open(AppOptions { data_dir, ..AppOptions::default() }).expect("the stage holds")
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("the stage holds");
        let relay = FakeRelay::start();
        let app = open(folder.path());
        let sign_in = SignIn { url: relay.url.clone(), token: "kartei_t".to_owned() };
        app.sign_in(sign_in).expect("the stage holds");
        Self { folder, relay, app }
    }

    fn file(&self, name: &str, size: usize) -> (PathBuf, Vec<u8>) {
        let path = self.folder.path().join(name);
        let content: Vec<u8> =
            (0..size).map(|n| (n * 7 / 3).to_le_bytes()[0] ^ n.to_le_bytes()[2]).collect();
        std::fs::write(&path, &content).expect("the stage holds");
        (path, content)
    }

    fn add(&self, path: &Path) -> u64 {
        let paths = vec![path.display().to_string()];
        self.app.add_uploads(AddUploads { paths, attach: None }).expect("the stage holds").uploads
            [0]
        .id
    }

    fn upload(&self, id: u64) -> Upload {
        let all = self.app.list_uploads(Empty {}).expect("the stage holds").uploads;
        all.into_iter().find(|upload| upload.id == id).expect("the stage holds")
    }

    fn until(&self, id: u64, what: &str, is: impl Fn(&Upload) -> bool) -> Upload {
        until_some(SOON, what, || Ok(Some(self.upload(id)).filter(&is))).expect("the stage holds")
    }

    fn done(&self, id: u64) -> Upload {
        let ended = |upload: &Upload| {
            matches!(upload.stage, UploadStage::Done | UploadStage::Failed | UploadStage::Changed)
        };
        let upload = self.until(id, "the upload ends", ended);
        assert_eq!(upload.stage, UploadStage::Done, "{upload:?}");
        upload
    }

    fn content(&self, name: &str) -> Vec<u8> {
        let relay = self.relay.lock();
        let done = relay.sessions.values().find(|s| s.name == name && s.state == "completed");
        done.expect("the stage holds").content.clone()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.relay.hold(false);
        self.app.shutdown();
    }
}

#[test]
fn files_of_all_sizes_arrive_as_they_are() {
    let desk = Desk::new();
    let sizes = [0, 1, MIB, MIB + 1, 9 * MIB + 77];
    let files: Vec<_> =
        sizes.iter().map(|size| desk.file(&format!("f{size}.bin"), *size)).collect();
    let ids: Vec<u64> = files.iter().map(|(path, _)| desk.add(path)).collect();
    desk.app.start_uploads().unwrap();
    for (id, (path, content)) in ids.into_iter().zip(files) {
        let upload = desk.done(id);
        assert!(upload.file.is_some());
        assert_eq!((upload.durable, upload.problem), (content.len() as u64, None));
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(desk.content(name) == content, "{name} is another file at the relay");
    }
}

#[test]
fn cuts_and_refusals_that_pass_are_made_up_for() {
    let desk = Desk::new();
    desk.relay.lock().cuts = 3;
    desk.relay.lock().refusals = vec![(503, "upload_busy"), (400, "digest_mismatch"), (502, "")];
    let (path, content) = desk.file("rough.bin", 20 * MIB + 5);
    let id = desk.add(&path);
    desk.app.start_uploads().unwrap();
    desk.done(id);
    assert!(desk.content("rough.bin") == content);
    let asked = desk.relay.lock().asked.clone();
    assert!(asked.iter().any(|action| action == "status"), "the state is asked for: {asked:?}");
}

#[test]
fn an_upload_goes_on_after_the_program_ended() {
    let mut desk = Desk::new();
    let (path, content) = desk.file("long.bin", 30 * MIB);
    let id = desk.add(&path);
    desk.app.start_uploads().unwrap();
    desk.until(id, "something is at the relay", |upload| upload.durable > 0);
    desk.app.shutdown();
    let before = desk.relay.lock().asked.len();
    desk.app = open(desk.folder.path());
    desk.app.start_uploads().unwrap();
    desk.done(id);
    assert!(desk.content("long.bin") == content);
    let relay = desk.relay.lock();
    assert_eq!(relay.sessions.len(), 1, "the same session");
    let after = &relay.asked[before..];
    assert!(after.is_empty() || after[0] == "status", "its state is asked for first: {after:?}");
}

#[test]
fn a_relay_that_forgot_the_session_gets_everything_anew() {
    let desk = Desk::new();
    let (path, content) = desk.file("again.bin", 12 * MIB);
    desk.relay.hold(true);
    let id = desk.add(&path);
    desk.app.start_uploads().unwrap();
    until_some(SOON, "a chunk comes", || {
        Ok(desk.relay.lock().asked.iter().any(|action| action == "chunk").then_some(()))
    })
    .unwrap();
    desk.relay.lock().sessions.clear();
    desk.relay.hold(false);
    desk.done(id);
    assert!(desk.content("again.bin") == content);
}

#[test]
fn pausing_holds_it_and_cancelling_ends_it_at_the_relay() {
    let desk = Desk::new();
    let (path, _) = desk.file("held.bin", 12 * MIB);
    desk.relay.hold(true);
    let id = desk.add(&path);
    desk.app.start_uploads().unwrap();
    desk.until(id, "it sends", |upload| upload.stage == UploadStage::Running && upload.streams > 0);
    assert_eq!(desk.app.pause_upload(UploadId { id }).unwrap().stage, UploadStage::Paused);
    desk.relay.hold(false);
    assert_eq!(desk.upload(id).stage, UploadStage::Paused);
    desk.relay.hold(true);
    desk.app.resume_upload(UploadId { id }).unwrap();
    desk.until(id, "it sends again", |upload| upload.streams > 0);
    desk.app.cancel_upload(UploadId { id }).unwrap();
    until_some(SOON, "the relay knows", || {
        let relay = desk.relay.lock();
        Ok(relay.sessions.values().all(|session| session.state == "aborted").then_some(()))
    })
    .unwrap();
    assert!(desk.app.list_uploads(Empty {}).unwrap().uploads.is_empty());
}

#[test]
fn a_file_that_changed_is_told_and_sent_only_when_asked() {
    let desk = Desk::new();
    let (path, _) = desk.file("notes.txt", 3 * MIB);
    let id = desk.add(&path);
    let (_, content) = desk.file("notes.txt", 2 * MIB + 9);
    desk.app.start_uploads().unwrap();
    let upload = desk.until(id, "it is told", |upload| upload.stage == UploadStage::Changed);
    assert_eq!(upload.problem.unwrap().code, ProblemCode::FileChanged);
    assert!(desk.relay.lock().sessions.is_empty(), "nothing of it was sent");
    desk.app.retry_upload(UploadId { id }).unwrap();
    desk.done(id);
    assert!(desk.content("notes.txt") == content);
    assert!(desk.app.forget_upload(UploadId { id }).unwrap().uploads.is_empty());
}

#[test]
fn what_a_person_must_decide_is_told() {
    let desk = Desk::new();
    desk.relay.lock().refusals = vec![(413, "quota_exceeded")];
    let (path, _) = desk.file("big.bin", 2 * MIB);
    let id = desk.add(&path);
    desk.app.start_uploads().unwrap();
    let failed = |upload: &Upload| upload.stage == UploadStage::Failed;
    let upload = desk.until(id, "it fails", failed);
    assert_eq!(upload.problem.unwrap().code, ProblemCode::QuotaExceeded);
    desk.relay.lock().is_old = true;
    desk.app.retry_upload(UploadId { id }).unwrap();
    let upload = desk.until(id, "it fails otherwise", failed);
    assert_eq!(upload.problem.unwrap().code, ProblemCode::RelayIncompatible);
    let missing = desk.folder.path().join("none.bin").display().to_string();
    let added = desk.app.add_uploads(AddUploads { paths: vec![missing], attach: None });
    assert_eq!(added.unwrap_err().code, ProblemCode::FileMissing);
}

#[test]
fn a_file_that_was_chosen_for_one_relay_is_not_sent_to_another() {
    let mut desk = Desk::new();
    let (path, content) = desk.file("mine.bin", 100);
    let id = desk.add(&path);
    desk.relay = FakeRelay::start();
    let sign_in = SignIn { url: desk.relay.url.clone(), token: "kartei_u".to_owned() };
    desk.app.sign_in(sign_in).unwrap();
    desk.app.start_uploads().unwrap();
    let upload = desk.upload(id);
    assert_eq!(upload.stage, UploadStage::Waiting);
    assert_eq!(upload.problem.unwrap().code, ProblemCode::NotSignedIn);
    desk.app.retry_upload(UploadId { id }).unwrap();
    desk.done(id);
    assert!(desk.content("mine.bin") == content);
}
