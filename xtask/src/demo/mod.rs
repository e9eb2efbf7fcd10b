//! `cargo xtask demo`: real profiles from two files through two clients and a relay, with a
//! conflict on the way, told as a story. Every claim it prints was compared, not assumed.

mod client;
pub(crate) mod relay;
mod story;
mod window;

use std::fs;

use anyhow::{Context, Result};
use client::Client;
use relay::Relay;
use story::{Story, grouped};

use crate::test::build_programs;
use crate::workspace::Workspace;
use crate::{setup, ui};

/// People in `bfi` and customers in `cdnow`.
const PROFILES: u64 = 2_800 + 23_570;

/// Whose scores are told.
const SCORED: &str = "bfi-61617";

/// Which profiles the two analysts edit.
const ONLY_ANNA: &str = "cdnow-00001";
const ONLY_BEN: &str = "cdnow-00002";
const BOTH_FIELDS: &str = "cdnow-00042";
const SAME_FIELD: &str = "cdnow-00100";

/// Builds everything, tells the story, opens the window.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    setup::prepare(workspace, setup::Purpose::Demo)?;
    ui::build_if_stale(workspace)?;
    build_programs(workspace, &["kartei-cli", "kartei-relay", "kartei-desktop"])?;
    let folder = workspace.target.join("demo");
    if folder.exists() {
        fs::remove_dir_all(&folder).context("cannot clear target/demo")?;
    }
    fs::create_dir_all(&folder)?;
    let stage = Stage::new(workspace, &folder);
    let mut story = Story::begin("Kartei, from a file to two desks and back");
    let relay = stage.relay(&mut story)?;
    stage.import(&mut story)?;
    stage.first_sync(&mut story, &relay)?;
    let port = relay.stop()?;
    stage.edit_apart(&mut story)?;
    let relay = stage.relay_again(&mut story, port)?;
    stage.converge(&mut story)?;
    stage.analyse(&mut story)?;
    stage.calibrate(&mut story)?;
    stage.segments(&mut story)?;
    window::open(workspace, &mut story, &stage.anna, &folder, SAME_FIELD)?;
    relay.stop()?;
    story.end(&folder);
    Ok(())
}

/// The two clients, the relay's folder and the programs.
struct Stage<'a> {
    workspace: &'a Workspace,
    relay_data: std::path::PathBuf,
    anna: Client,
    ben: Client,
    tokens: std::cell::RefCell<Vec<String>>,
}

impl<'a> Stage<'a> {
    fn new(workspace: &'a Workspace, folder: &std::path::Path) -> Self {
        let program = workspace.program("debug", "kartei");
        Self {
            workspace,
            relay_data: folder.join("relay"),
            anna: Client::new("Anna", &program, folder.join("anna")),
            ben: Client::new("Ben", &program, folder.join("ben")),
            tokens: std::cell::RefCell::default(),
        }
    }

    fn relay(&self, story: &mut Story) -> Result<Relay> {
        let program = self.workspace.program("debug", "kartei-relay");
        relay::create_organisation(&program, &self.relay_data, "Demo")?;
        for client in [&self.anna, &self.ben] {
            let token = relay::create_token(&program, &self.relay_data, "Demo", &client.name)?;
            self.tokens.borrow_mut().push(token);
        }
        let relay = Relay::start(&program, &self.relay_data, 0)?;
        story.chapter("A relay");
        story.tell(format!(
            "It listens on {}, on its embedded database, for one organisation and two analysts, \
             Anna and Ben.",
            relay.url
        ));
        Ok(relay)
    }

    fn import(&self, story: &mut Story) -> Result<()> {
        story.chapter("Anna imports two real data sets");
        let data = self.workspace.path("tests/fixtures/data");
        let files = ["bfi.ndjson.gz", "cdnow.ndjson.gz"].map(|name| data.join(name));
        let (reports, seconds) = story::timed(|| self.anna.import(&files))?;
        for report in &reports {
            story.tell(format!(
                "{}: {} profiles created, {} lines rejected.",
                report.name,
                grouped(report.created),
                grouped(report.rejected)
            ));
        }
        let created: u64 = reports.iter().map(|report| report.created).sum();
        story.check("every line became a profile", created == PROFILES)?;
        story.tell(format!(
            "{} profiles in {seconds:.2} s, {} a second, through a debug build.",
            grouped(created),
            grouped(story::rate(created, seconds))
        ));
        Ok(())
    }

    fn first_sync(&self, story: &mut Story, relay: &Relay) -> Result<()> {
        story.chapter("Both sign in and sync");
        let tokens = self.tokens.borrow().clone();
        for (client, token) in [&self.anna, &self.ben].into_iter().zip(tokens) {
            client.login(&relay.url, &token)?;
            let (status, seconds) = story::timed(|| client.sync())?;
            story.tell(format!(
                "{}: {} profiles, {} pending, in {seconds:.2} s.",
                client.name,
                grouped(status.profiles),
                status.pending
            ));
            story.check(
                &format!("{} is up to date", client.name),
                status.is_up_to_date() && status.profiles == PROFILES,
            )?;
        }
        story.check("Anna's and Ben's exports are equal, byte for byte", self.equal_exports()?)
    }

    fn edit_apart(&self, story: &mut Story) -> Result<()> {
        story.chapter("The relay is down; both go on working");
        let (anna, ben) = (&self.anna, &self.ben);
        anna.edit(ONLY_ANNA, &["--set", "attributes.city=Bern"])?;
        ben.edit(ONLY_BEN, &["--set", "attributes.city=Graz", "--add-tag", "called"])?;
        anna.edit(BOTH_FIELDS, &["--add-tag", "vip"])?;
        ben.edit(BOTH_FIELDS, &["--set", "display_name=Customer 42"])?;
        anna.edit(SAME_FIELD, &["--set", "attributes.city=Bern"])?;
        ben.edit(SAME_FIELD, &["--set", "attributes.city=Zürich"])?;
        story.tell(format!(
            "{ONLY_ANNA} only Anna edits, {ONLY_BEN} only Ben; in {BOTH_FIELDS} each sets another \
             field; in {SAME_FIELD} both set the city, to Bern and to Zürich."
        ));
        for client in [anna, ben] {
            client.sync_expecting_offline()?;
            let status = client.status()?;
            story.tell(format!(
                "{}: {}, {} pending, {} profiles at hand.",
                client.name,
                status.state,
                status.pending,
                grouped(status.profiles)
            ));
            story.check(
                &format!("{} is offline and has lost nothing", client.name),
                status.state == "offline" && status.pending == 3 && status.profiles == PROFILES,
            )?;
        }
        Ok(())
    }

    fn relay_again(&self, story: &mut Story, port: u16) -> Result<Relay> {
        let program = self.workspace.program("debug", "kartei-relay");
        let relay = Relay::start(&program, &self.relay_data, port)?;
        story.chapter("The relay is back");
        story.tell("Anna syncs, then Ben, then Anna once more.");
        Ok(relay)
    }

    fn converge(&self, story: &mut Story) -> Result<()> {
        self.anna.sync()?;
        let ben = self.ben.sync()?;
        let anna = self.anna.sync()?;
        for (client, status) in [(&self.anna, &anna), (&self.ben, &ben)] {
            story.tell(format!(
                "{}: {} pending, {} conflict.",
                client.name, status.pending, status.conflicts
            ));
            story.check(
                &format!("{} reports exactly one conflict", client.name),
                status.is_up_to_date() && status.conflicts == 1,
            )?;
        }
        story.check("Anna's and Ben's exports are equal, byte for byte", self.equal_exports()?)?;
        let (in_anna, in_ben) = (self.anna.conflicts(SAME_FIELD)?, self.ben.conflicts(SAME_FIELD)?);
        story.tell(format!("{SAME_FIELD} keeps both cities until someone decides: {in_anna}."));
        story.check("both see the same conflict", in_anna == in_ben)?;
        let both = self.ben.record(BOTH_FIELDS)?;
        let merged = both["display_name"] == "Customer 42"
            && both["tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag == "vip"));
        story.check(&format!("{BOTH_FIELDS} has Anna's tag and Ben's name"), merged)
    }

    fn analyse(&self, story: &mut Story) -> Result<()> {
        story.chapter("The relay analyses what both wrote");
        let (answer, seconds) = story::timed(|| self.anna.analyse())?;
        let report = &answer["result"];
        story.tell(format!("A quality report of all profiles, in {seconds:.2} s:"));
        for finding in report["findings"].as_array().into_iter().flatten().take(4) {
            story.tell(finding["en"].as_str().unwrap_or_default());
        }
        story.check(
            "it saw every profile, and the conflict",
            report["done"] == PROFILES && report["profiles"]["in_conflict"]["count"] == 1,
        )?;
        let id = answer["result_id"].as_str().unwrap_or_default();
        story.check("Ben reads the same result by its link", self.ben.result(id)? == answer)
    }

    /// Both calibrate by themselves: what they find out is the same to the last bit.
    fn calibrate(&self, story: &mut Story) -> Result<()> {
        story.chapter("Scores, by a calibration that each makes alone");
        let ((answers, seconds), theirs) =
            (story::timed(|| self.anna.calibrate("bfi"))?, self.ben.calibrate("bfi")?);
        let alphas = answers["dimensions"].as_array().into_iter().flatten().map(|dimension| {
            let name = dimension["name"].as_str().unwrap_or_default();
            format!("{name} {:.2}", dimension["alpha"].as_f64().unwrap_or_default())
        });
        let alphas = alphas.collect::<Vec<_>>().join(", ");
        story.tell(format!("Cronbach's α of the Big Five, in {seconds:.2} s: {alphas}."));
        story.check("Ben's calibration has the same version", answers == theirs)?;
        let (ours, theirs) = (self.anna.score(SCORED)?, self.ben.score(SCORED)?);
        let first = &ours["vectors"][0]["dimensions"][0];
        story.tell(format!(
            "{SCORED} is above {:.1} % of people in {}.",
            first["percentile"].as_f64().unwrap_or_default() * 100.0,
            first["name"].as_str().unwrap_or_default()
        ));
        story.check("both see the same scores", first["score"].is_number() && ours == theirs)
    }

    /// What an analysis comes to is the same wherever it is made.
    fn segments(&self, story: &mut Story) -> Result<()> {
        story.chapter("Groups of people, found at the relay and on a desk");
        let there = self.anna.segments(false)?;
        let (here, seconds) = story::timed(|| self.ben.segments(true))?;
        for finding in there["result"]["findings"].as_array().into_iter().flatten() {
            story.tell(finding["en"].as_str().unwrap_or_default());
        }
        story.tell(format!("Ben makes the same on his desk, in {seconds:.2} s."));
        let is_whole = there["result"]["partial"] == false && there["digest"].is_string();
        story.check(
            "both results have the same bytes",
            is_whole && there["digest"] == here["digest"],
        )
    }

    fn equal_exports(&self) -> Result<bool> {
        let (anna, ben) = (self.anna.export()?, self.ben.export()?);
        let lines = anna.iter().filter(|byte| **byte == b'\n').count() as u64;
        Ok(anna == ben && lines == PROFILES)
    }
}
