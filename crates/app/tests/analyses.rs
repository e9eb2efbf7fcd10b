//! Analyses of an application, with the real relay and its workers: asked for offline, followed, kept, told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use kartei_app::{App, AppOptions};
use kartei_protocol::commands::Commands;
use kartei_protocol::desktop::{
    Analysis, AnalysisDetail, AnalysisId, AnalysisStage, AskAnalysis, Empty, Notifications,
    ReadNotifications, SaveResult, SignIn,
};
use kartei_protocol::events::HostEvent;
use kartei_protocol::jobs::{JobInfo, JobPage, JobResult, JobState};
use kartei_protocol::problem::ProblemCode;
use kartei_test_support::{
    FaultProxy, Http, Relay, RelayHome, Stage, Weather, repository, until_some,
};

/// How long is waited for what the relay does by itself, on a busy machine.
const WITHIN: Duration = Duration::from_secs(120);

/// Somebody at a desktop, behind a link that can be cut.
struct Desk {
    stage: Stage,
    home: RelayHome,
    relay: Relay,
    http: Http,
    link: FaultProxy,
    app: Arc<App>,
    heard: Arc<Mutex<Vec<HostEvent>>>,
}

fn named(id: &str) -> AnalysisId {
    AnalysisId { id: id.to_owned() }
}

fn is_over(analysis: &Analysis) -> bool {
    use AnalysisStage::{Canceled, Completed, Failed, Refused};
    matches!(analysis.stage, Completed | Failed | Canceled | Refused)
}

/// Submits one as another program would.
fn submit(http: &Http) -> Result<JobInfo> {
    let kind = ("content-type", "application/json");
    let reply = http.send("POST", "/analyze/jobs", &[kind], br#"{"analysis": "quality"}"#)?;
    Ok(serde_json::from_value(reply.expect(201)?.json())?)
}

impl Desk {
    fn new(settings: &[(&str, &str)], file: &str) -> Result<Self> {
        let stage = Stage::new()?;
        let home = stage.relay_home()?.with(settings);
        let relay = home.start()?;
        let token = home.token("analyst", "Ada")?;
        let http = Http::patient(relay.url(), Some(&token), Duration::from_secs(60));
        let body = std::fs::read(repository(&format!("tests/fixtures/data/{file}")))?;
        let kind = ("content-type", "application/gzip");
        http.send("POST", "/profiles/import", &[kind], &body)?.expect(200)?;
        let link = FaultProxy::start(&[SocketAddr::from(([127, 0, 0, 1], relay.port()?))], 7)?;
        let data_dir = stage.path("desk");
        let app = App::open(AppOptions { data_dir, ..AppOptions::default() })?;
        let heard: Arc<Mutex<Vec<HostEvent>>> = Arc::default();
        let hears = Arc::clone(&heard);
        app.subscribe(move |event| {
            hears.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
        });
        app.sign_in(SignIn { url: link.url(), token })?;
        Ok(Self { stage, home, relay, http, link, app, heard })
    }

    fn is_cut(&self, cut: bool) {
        self.link.set_weather(Weather { refuse: if cut { 1_000 } else { 0 }, ..Weather::CALM });
        self.link.cut_all();
    }

    fn ask(&self, filter: Option<&str>) -> Result<Analysis> {
        let filter = filter.map(str::to_owned);
        Ok(self.app.ask_analysis(AskAnalysis {
            analysis: "quality".to_owned(),
            filter,
            ..AskAnalysis::default()
        })?)
    }

    fn all(&self) -> Result<Vec<Analysis>> {
        Ok(self.app.list_analyses(Empty {})?.analyses)
    }

    fn get(&self, id: &str) -> Result<AnalysisDetail> {
        Ok(self.app.get_analysis(named(id))?)
    }

    /// Waits until the only analysis is like this.
    fn until(&self, what: &str, is: impl Fn(&Analysis) -> bool) -> Result<Analysis> {
        until_some(WITHIN, what, || Ok(self.all()?.into_iter().find(&is)))
    }

    fn notes(&self, what: &str, are: impl Fn(&Notifications) -> bool) -> Result<Notifications> {
        until_some(WITHIN, what, || Ok(Some(self.app.list_notifications(Empty {})?).filter(&are)))
    }

    fn at_relay(&self) -> Result<Vec<JobInfo>> {
        let page = self.http.get("/analyze/jobs?limit=500")?.expect(200)?.json();
        Ok(serde_json::from_value::<JobPage>(page)?.jobs)
    }

    fn heard<T>(&self, of: impl Fn(&HostEvent) -> Option<T>) -> Vec<T> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.iter().filter_map(of).collect()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.app.shutdown();
    }
}

#[test]
fn what_is_asked_for_offline_goes_up_once_and_comes_back_as_a_result() -> Result<()> {
    let desk = Desk::new(&[], "bfi.ndjson.gz")?;
    desk.is_cut(true);
    desk.app.start_analyses()?;
    let waiting = desk.ask(Some("gender:female"))?;
    assert_eq!(waiting.stage, AnalysisStage::Waiting);
    let told = desk.until("it is told why it waits", |one| one.problem.is_some())?;
    assert_eq!(told.problem.map(|problem| problem.code), Some(ProblemCode::Offline));
    assert!(desk.at_relay()?.is_empty());
    // The program ends, and goes on with it.
    desk.app.shutdown();
    desk.app.start_analyses()?;
    desk.is_cut(false);
    let done = desk.until("it is done", is_over)?;
    assert_eq!(done.stage, AnalysisStage::Completed);
    assert_eq!((done.filter.as_deref(), done.by.as_deref()), (Some("gender:female"), Some("Ada")));
    assert_eq!(desk.all()?.len(), 1, "it is on the list once");
    assert_eq!(desk.at_relay()?.len(), 1, "it was submitted once");
    let moved = desk.heard(|event| match event {
        HostEvent::AnalysisGone { id, now } => Some((id.clone(), now.clone())),
        _ => None,
    });
    assert_eq!(moved, [(waiting.id, Some(done.id.clone()))]);
    let stages = desk.heard(|event| match event {
        HostEvent::Analysis { analysis } if analysis.id == done.id => Some(analysis.stage),
        _ => None,
    });
    assert_eq!(stages.last(), Some(&AnalysisStage::Completed), "{stages:?}");

    // What it came to, then without a connection and after another start.
    let detail = desk.get(&done.id)?;
    let quality = detail.report.context("a report")?.quality.context("a quality report")?;
    assert_eq!(quality.done, quality.total);
    assert!(quality.findings.iter().any(|one| one.about.as_deref() == Some("education")));
    let events: Vec<&str> = detail.events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(events, ["queued", "started", "completed"]);
    desk.is_cut(true);
    desk.app.shutdown();
    let result = done.result.clone().context("a result")?;
    for id in [&done.id, &result] {
        let kept = desk.get(id)?;
        assert_eq!(kept.report.and_then(|report| report.quality), Some(quality.clone()), "{id}");
        assert_eq!(kept.analysis.id, done.id);
    }
    let to = desk.stage.path("result.json");
    let to = Some(to.display().to_string());
    let saved =
        desk.app.save_result(SaveResult { id: result, to: to.clone(), ..SaveResult::default() })?;
    let saved: JobResult = serde_json::from_slice(&std::fs::read(saved.path)?)?;
    assert_eq!(blake3::hash(saved.result.get().as_bytes()).to_string(), saved.digest);
    let again =
        desk.app.save_result(SaveResult { id: saved.result_id, to, ..SaveResult::default() });
    assert_eq!(again.map_err(|problem| problem.code), Err(ProblemCode::FileUnwritable));
    Ok(())
}

#[test]
fn what_the_relay_does_not_take_is_told_and_can_be_sent_again_or_forgotten() -> Result<()> {
    let desk = Desk::new(&[], "bfi.ndjson.gz")?;
    desk.app.start_analyses()?;
    let wrong = desk.app.ask_analysis(AskAnalysis {
        analysis: "quality".to_owned(),
        filter: Some("age>".to_owned()),
        ..AskAnalysis::default()
    });
    let wrong = wrong.err().context("it is told at once")?;
    assert_eq!(wrong.code, ProblemCode::InvalidFilter);
    let unknown = AskAnalysis { analysis: "horoscope".to_owned(), ..AskAnalysis::default() };
    let asked = desk.app.ask_analysis(unknown)?;
    let refused = desk.until("it is refused", |one| one.stage == AnalysisStage::Refused)?;
    assert_eq!(refused.id, asked.id);
    let problem = refused.problem.context("it says why")?;
    assert!(problem.message.contains("horoscope"), "{problem}");
    let again = desk.app.retry_analysis(named(&asked.id))?;
    assert_eq!((again.id.as_str(), again.stage), (asked.id.as_str(), AnalysisStage::Waiting));
    desk.until("it is refused again", |one| one.stage == AnalysisStage::Refused)?;
    assert!(desk.app.cancel_analysis(named(&asked.id))?.analyses.is_empty());
    let unknown = desk.app.get_analysis(named(&asked.id)).err().context("it is gone")?;
    assert_eq!(unknown.code, ProblemCode::NotFound);
    Ok(())
}

#[test]
fn one_that_waits_for_a_worker_is_cancelled_and_tried_again() -> Result<()> {
    let desk = Desk::new(&[("KARTEI_WORKERS", "0")], "bfi.ndjson.gz")?;
    desk.app.start_analyses()?;
    desk.ask(None)?;
    let queued = desk.until("it is at the relay", |one| one.stage == AnalysisStage::Queued)?;
    let list = desk.app.cancel_analysis(named(&queued.id))?.analyses;
    assert_eq!(list[0].stage, AnalysisStage::Canceled);
    let again = desk.app.retry_analysis(named(&queued.id))?;
    assert_eq!(again.retry_of.as_deref(), Some(queued.id.as_str()));
    let tried = desk.until("the new one is there", |one| one.stage == AnalysisStage::Queued)?;
    assert_eq!(tried.retry_of.as_deref(), Some(queued.id.as_str()));
    let blocked = desk.app.retry_analysis(named(&tried.id)).err().context("it waits still")?;
    assert_eq!(blocked.code, ProblemCode::Blocked);
    Ok(())
}

#[test]
fn what_others_ask_for_is_listed_followed_and_told_to_whom_it_is_of() -> Result<()> {
    let desk = Desk::new(&[], "bfi.ndjson.gz")?;
    desk.app.start_analyses()?;
    let none = desk.notes("the relay is heard", |notes| notes.heard)?;
    assert_eq!((none.notifications.len(), none.unread), (0, 0));
    // The same person from elsewhere, and somebody else.
    let job = submit(&desk.http)?;
    let done = desk.until("it is listed", |one| one.id == job.job_id && is_over(one))?;
    assert_eq!(done.stage, AnalysisStage::Completed);
    let told = desk.notes("its end is told", |notes| notes.unread == 1)?;
    let [note] = &told.notifications[..] else { panic!("one is told: {told:?}") };
    assert_eq!((note.kind.as_str(), note.job.as_deref()), ("job_completed", Some(&*job.job_id)));
    assert_eq!(note.analysis.as_ref().map(|one| one.stage), Some(AnalysisStage::Completed));
    let fresh = desk.heard(|event| match event {
        HostEvent::Notified { fresh, .. } if !fresh.is_empty() => Some(fresh.len()),
        _ => None,
    });
    assert_eq!(fresh, [1], "it is told once as new");
    let other = desk.home.token("analyst", "Ben")?;
    let job = submit(&Http::new(desk.relay.url(), Some(&other)))?;
    let done = desk.until("Ben's is listed", |one| one.id == job.job_id && is_over(one))?;
    assert_eq!((done.by.as_deref(), done.stage), (Some("Ben"), AnalysisStage::Completed));
    let read = desk.app.read_notifications(ReadNotifications { id: None })?;
    assert_eq!((read.unread, read.notifications.len()), (0, 1), "Ben's end is told to Ben");
    Ok(())
}

#[test]
fn one_that_runs_shows_what_it_comes_to_whatever_happens_to_the_link() -> Result<()> {
    let desk = Desk::new(&[], "cdnow.ndjson.gz")?;
    desk.app.start_analyses()?;
    let asked = desk.ask(None)?;
    let running = desk.until("it is at the relay", |one| one.id != asked.id)?;
    for _ in 0..5 {
        // A follower that is cut off asks again where it was.
        desk.is_cut(true);
        desk.is_cut(false);
    }
    let done = desk.until("it is done", |one| one.id == running.id && is_over(one))?;
    assert_eq!(done.stage, AnalysisStage::Completed);
    assert_eq!(done.progress.map(|known| (known.done, known.total)), Some((23_570, 23_570)));
    let states = desk.at_relay()?.iter().map(|job| job.status).collect::<Vec<_>>();
    assert_eq!(states, [JobState::Completed]);
    let seqs = desk.heard(|event| match event {
        HostEvent::Analysis { analysis } if analysis.id == running.id => Some(analysis.event_seq),
        _ => None,
    });
    assert!(seqs.is_sorted(), "what was told never goes back: {seqs:?}");
    Ok(())
}

#[test]
fn what_the_relay_does_not_keep_any_more_is_told_as_that() -> Result<()> {
    let desk = Desk::new(&[], "bfi.ndjson.gz")?;
    desk.app.start_analyses()?;
    let (seen, unseen) = (submit(&desk.http)?.job_id, submit(&desk.http)?.job_id);
    for id in [&seen, &unseen] {
        desk.until("it is done", |one| one.id == *id && is_over(one))?;
    }
    let before = desk.get(&seen)?.report;
    let retain = |more: &[&str]| -> Result<serde_json::Value> {
        let all = [&["retention"], more, &["--org", "Test", "--json"]].concat();
        Ok(serde_json::from_slice(desk.home.run(&all)?.expect_code(0)?.stdout())?)
    };
    retain(&["set", "--results-days", "0"])?;
    let plan = retain(&["plan"])?;
    let hash = plan["plan_hash"].as_str().context("a plan has a hash")?;
    let as_of = plan["as_of"].as_i64().context("and a moment")?.to_string();
    retain(&["apply", hash, "--as-of", &as_of])?;
    let gone = desk.get(&unseen).err().context("its result is gone")?;
    let problem = gone.downcast::<kartei_protocol::problem::Problem>()?;
    assert_eq!(problem.code, ProblemCode::Deleted, "{problem}");
    assert_eq!(desk.get(&seen)?.report, before, "what was looked at is here");
    Ok(())
}
