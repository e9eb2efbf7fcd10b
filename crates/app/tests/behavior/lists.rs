//! Lists by scores agree with what each profile shows, after everything that changes scores.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use kartei_protocol::commands::Commands;
use kartei_protocol::desktop::{
    AskAnalysis, CopyRows, Edit, EditProfile, Empty, ListProfiles, ProfileId, ProfilePage,
    Selection, SortKey,
};
use kartei_protocol::events::HostEvent;
use kartei_protocol::problem::{ProblemCode, TextRange};
use serde_json::json;

use crate::desk::{BFI, DEADLINE, Desk, of};

const NAME: &str = "bfi.agreeableness";

fn asking(filter: &str, sort: SortKey) -> ListProfiles {
    ListProfiles { filter: filter.to_owned(), sort, limit: 1_000, scores: true, ..<_>::default() }
}

impl Desk {
    /// The whole list, once no profile waits for its scores.
    fn listed(&self, filter: &str, sort: &SortKey) -> Result<Vec<(String, Option<f64>)>> {
        loop {
            let mut rows = Vec::new();
            let mut after = None;
            let unscored = loop {
                let page: ProfilePage = self
                    .app
                    .list_profiles(ListProfiles { after, ..asking(filter, sort.clone()) })?;
                rows.extend(
                    page.rows.into_iter().map(|row| (row.id, row.scores.get(NAME).copied())),
                );
                after = page.next;
                if after.is_none() {
                    break page.unscored;
                }
            };
            if unscored == 0 {
                return Ok(rows);
            }
            let is_it = |event: &HostEvent| matches!(event, HostEvent::ProfilesChanged { .. });
            while !is_it(&self.events.recv_timeout(DEADLINE).context("no more scores come")?) {}
        }
    }

    /// What each profile shows of its agreeableness.
    fn shown(&self) -> Result<BTreeMap<String, Option<f64>>> {
        let ids = self.listed("", &SortKey::Id)?;
        let of = |(id, _): (String, Option<f64>)| {
            let found = self.app.get_behavior(ProfileId { id: id.clone() })?;
            let score = found.vectors.first().and_then(|vector| vector.dimensions[0].score);
            Ok((id, score))
        };
        ids.into_iter().map(of).collect()
    }

    /// That lists by scores are what sorting and filtering by hand comes to.
    fn agrees(&self) -> Result<BTreeMap<String, Option<f64>>> {
        let shown = self.shown()?;
        let mut expected: Vec<(String, Option<f64>)> = shown.clone().into_iter().collect();
        let worth = |score: Option<f64>| score.map_or(f64::INFINITY, |score| score);
        expected.sort_by(|a, b| worth(a.1).total_cmp(&worth(b.1)).then_with(|| a.0.cmp(&b.0)));
        for name in ["agreeableness", NAME] {
            let by = SortKey::Score(name.to_owned());
            ensure!(self.listed("", &by)? == expected, "the order by {name}");
        }
        expected.retain(|(_, score)| score.is_some_and(|score| score > 0.7));
        expected.sort_by(|a, b| a.0.cmp(&b.0));
        let found = self.listed("score.agreeableness>0.7", &SortKey::Id)?;
        ensure!(found == expected && !found.is_empty(), "{} found", found.len());
        Ok(shown)
    }
}

#[test]
fn lists_by_scores_follow_every_change() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let desk = Desk::open(&folder.path().join("desk"))?;
    desk.import(Path::new(BFI), 2_800)?;
    desk.app.start_sync();
    let by = SortKey::Score("agreeableness".to_owned());
    let none = desk.app.list_profiles(asking("", by.clone())).map_err(|problem| problem.code);
    ensure!(none == Err(ProblemCode::InvalidFilter), "no calibration is active");

    let first = desk.fit(of("bfi", ""))?.calibration.version;
    ensure!(desk.activate(&first, true) == Ok(()));
    let before = desk.agrees()?;
    let names = desk.app.list_scores(Empty {})?.scores;
    ensure!(names.len() == 5 && names[0].name == NAME && names[0].title.is_some(), "{names:?}");

    // An edit: at once, and for this one alone.
    let again = json!({"signal": "A3", "value": 6, "at": "2010-06-01T00:00:00Z", "id": "second"});
    desk.app.edit_profile(EditProfile {
        id: "bfi-61617".to_owned(),
        edits: vec![Edit::Add { pointer: "/observations".to_owned(), value: again }],
    })?;
    let after = desk.agrees()?;
    let changed: Vec<_> =
        after.iter().filter(|(id, score)| before.get(*id) != Some(score)).collect();
    ensure!(changed.len() == 1 && changed[0].0 == "bfi-61617", "{changed:?}");

    // An import, of somebody who answered and somebody who did not.
    let file = folder.path().join("more.ndjson");
    let answered = json!({"schema": "user_profile.v1", "id": "new-1", "observations": [
        {"signal": "A1", "value": 1, "at": "2010-06-01T00:00:00Z"},
        {"signal": "A2", "value": 6, "at": "2010-06-01T00:00:00Z"}]});
    let silent = json!({"schema": "user_profile.v1", "id": "new-2"});
    fs::write(&file, format!("{answered}\n{silent}\n"))?;
    desk.import(&file, 2)?;
    let more = desk.agrees()?;
    ensure!(more["new-1"].is_some_and(|score| score > 0.5) && more["new-2"].is_none());
    let last = desk.listed("", &by)?.pop().context("there are rows")?;
    ensure!(last.1.is_none(), "who has no score comes last: {last:?}");

    // Another calibration: all by that one, and back again.
    let second = desk.fit(of("bfi", "age<20"))?.calibration.version;
    ensure!(desk.activate(&second, true) == Ok(()));
    let other = desk.agrees()?;
    ensure!(other != more, "others to be compared with");
    ensure!(desk.activate(&first, true) == Ok(()));
    ensure!(desk.agrees()? == more);
    desk.app.shutdown();
    Ok(())
}

#[test]
fn what_lists_cannot_do_with_scores_is_said() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let desk = Desk::open(folder.path())?;
    desk.import(Path::new(BFI), 2_800)?;
    let version = desk.fit(of("bfi", ""))?.calibration.version;
    ensure!(desk.activate(&version, true) == Ok(()));

    let refused = |filter: &str| desk.app.list_profiles(asking(filter, SortKey::Id)).map(drop);
    let problem = refused("age>3 score.kindness>0.5").err().context("there is no such score")?;
    ensure!(problem.code == ProblemCode::InvalidFilter, "{problem:?}");
    ensure!(problem.range == Some(TextRange { start: 6, end: 20 }), "{problem:?}");
    ensure!(problem.message.contains("agreeableness, conscientiousness"), "{problem:?}");
    let wrong = refused("score.agreeableness>high").err().context("a number is missing")?;
    ensure!(wrong.code == ProblemCode::InvalidFilter, "{wrong:?}");

    let circular = desk.app.fit_calibration(of("bfi", "score.openness>0.5"));
    ensure!(circular.is_err_and(|problem| problem.code == ProblemCode::Blocked));
    let filter = Some("score.openness>0.5".to_owned());
    let (analysis, params) = ("quality".to_owned(), json!({}));
    let asked = desk.app.ask_analysis(AskAnalysis { analysis, filter, params, here: true });
    ensure!(asked.is_err_and(|problem| problem.code == ProblemCode::Blocked));

    // Who does not stay makes what is missing first.
    let by = SortKey::Score("openness".to_owned());
    ensure!(desk.app.settle_scores("", &by)? && !desk.app.settle_scores("age>3", &SortKey::Id)?);
    let page = desk.app.list_profiles(asking("", by.clone()))?;
    ensure!(page.unscored == 0 && page.rows[0].scores["bfi.openness"] < 0.1, "{page:?}");

    let selection = Selection { filter: "score.openness>0.8".to_owned(), ..<_>::default() };
    let columns = vec!["score:bfi.openness".to_owned(), "name".to_owned()];
    let copied = desk.app.copy_rows(CopyRows { selection, columns, sort: by, descending: true })?;
    let mut lines = copied.csv.lines();
    ensure!(lines.next() == Some("id,score.bfi.openness,display_name"), "{}", copied.csv);
    let scores: Vec<f64> = lines
        .map(|line| line.split(',').nth(1).context("a cell").and_then(|cell| Ok(cell.parse()?)))
        .collect::<Result<_>>()?;
    ensure!(copied.rows == scores.len() as u64 && !scores.is_empty());
    ensure!(scores.is_sorted_by(|a, b| a >= b) && scores.iter().all(|score| *score > 0.8));
    Ok(())
}
