//! Calibrations from a draft to rolling back, and where profiles stand by them.

mod desk;
mod lists;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use desk::{BFI, CDNOW, Desk, of};
use kartei_protocol::commands::Commands;
use kartei_protocol::desktop::{
    CalibrationId, CalibrationRunState, CalibrationStage, CompareCalibrations, Edit, EditProfile,
    Empty, FitCalibration, GateKind, SchemaText, ScoreBand, SignalStanding,
};
use kartei_protocol::events::HostEvent;
use kartei_protocol::problem::ProblemCode;
use serde_json::json;

#[test]
fn a_calibration_from_a_draft_to_rolling_back() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let desk = Desk::open(folder.path())?;
    desk.import(Path::new(BFI), 2_800)?;
    let none = desk.vectors("bfi-61617")?;
    ensure!(!none.calibrated && none.vectors.is_empty(), "{none:?}");

    let all = desk.fit(of("bfi", ""))?;
    let first = all.calibration.version.clone();
    ensure!(all.calibration.profiles == 2_800 && all.calibration.as_of.starts_with("2010-06-01"));
    ensure!(all.gates.iter().all(|gate| gate.passes), "{:?}", all.gates);
    ensure!(!desk.vectors("bfi-61617")?.calibrated, "a draft moves nobody");
    desk.activate(&first[..8], false).map_err(|code| anyhow::anyhow!("{code:?}"))?;
    ensure!(desk.events.try_iter().any(|event| event == HostEvent::Calibrated));

    let found = desk.vectors("bfi-61617")?;
    let [vector] = found.vectors.as_slice() else { anyhow::bail!("{found:?}") };
    let agreeable = &vector.dimensions[0];
    let score = agreeable.score.context("it has a score")?;
    let parts: f64 = agreeable.parts.iter().map(|part| part.value).sum();
    ensure!((parts - (score - 0.5)).abs() < 1e-15, "{agreeable:?}");
    ensure!(agreeable.band == Some(ScoreBand::Low) && agreeable.stanine == Some(3));
    ensure!(agreeable.marks.is_some_and(|marks| marks.is_sorted()));
    ensure!(vector.signals.iter().all(|one| one.standing == SignalStanding::Placed));

    // Who answers otherwise stands elsewhere, at once.
    let again = json!({"signal": "A3", "value": 6, "at": "2010-06-01T00:00:00Z", "id": "second"});
    desk.app.edit_profile(EditProfile {
        id: "bfi-61617".to_owned(),
        edits: vec![Edit::Add { pointer: "/observations".to_owned(), value: again }],
    })?;
    let moved = desk.vectors("bfi-61617")?;
    ensure!(moved.vectors[0].dimensions[0].score > Some(score));
    ensure!(moved.vectors[0].signals[2].newest.len() == 2);

    // Another population: it says whom it would move, and somebody has to have seen that.
    let young = desk.fit(of("bfi", "age<20"))?;
    let second = young.calibration.version.clone();
    ensure!(young.compared && young.compared_with.as_deref() == Some(&first));
    let [changed, people] = young.dimensions[0].change_band.context("it was compared")?;
    ensure!(changed > 0 && people == 2_800, "everybody is looked at: {changed} of {people}");
    ensure!(young.dimensions.iter().all(|one| one.farthest.len() == 10));
    let fails = |kind| young.gates.iter().any(|gate| gate.kind == kind && !gate.passes);
    ensure!(fails(GateKind::Moves), "{:?}", young.gates);
    ensure!(desk.activate(&second, false) == Err(ProblemCode::Gates));
    ensure!(desk.stage(&first)? == CalibrationStage::Active, "nothing changed");
    ensure!(desk.activate(&second, true) == Ok(()));
    ensure!(desk.stage(&first)? == CalibrationStage::Retired);
    ensure!(desk.vectors("bfi-61617")?.vectors[0].calibration == second);

    // Back, in one step; what was active cannot be deleted.
    ensure!(desk.activate(&first, false) == Ok(()));
    ensure!(desk.stage(&second)? == CalibrationStage::Retired);
    let version = first.clone();
    let refused = desk.app.delete_calibration(CalibrationId { version });
    ensure!(refused.is_err_and(|problem| problem.code == ProblemCode::Blocked));
    desk.app.delete_calibration(CalibrationId { version: second.clone() })?;
    let acts = desk.app.list_calibrations(Empty {})?.acts;
    let acts: Vec<&str> = acts.iter().rev().map(|act| act.act.as_str()).collect();
    let expected = [
        "fitted",
        "activated",
        "fitted",
        "retired",
        "activated",
        "retired",
        "rolled_back",
        "deleted",
    ];
    ensure!(acts == expected, "{acts:?}");
    Ok(())
}

fn against(version: &str, with: Option<&str>) -> CompareCalibrations {
    CompareCalibrations { version: version.to_owned(), with: with.map(str::to_owned) }
}

#[test]
fn scores_move_on_in_time_by_the_same_fit() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let desk = Desk::open(folder.path())?;
    desk.import(Path::new(CDNOW), 23_570)?;
    let early =
        FitCalibration { as_of: Some("1998-01-01T00:00:00Z".to_owned()), ..of("cdnow", "") };
    let first = desk.fit(early)?.calibration.version;
    ensure!(desk.activate(&first, true) == Ok(()));
    let same = FitCalibration { same_fit_as: Some(first[..8].to_owned()), ..of("cdnow", "") };
    let moved = desk.fit(same.clone())?;
    let newest = &moved.calibration;
    ensure!(newest.as_of.starts_with("1998-06-30"), "the newest observation: {newest:?}");
    ensure!(newest.profiles == 23_570 && moved.compared && newest.version != first);
    let [changed, _] = moved.dimensions[0].change_band.context("it was compared")?;
    ensure!(changed > 0, "half a year makes orders older");
    ensure!(desk.activate(&newest.version, true) == Ok(()));
    let again = FitCalibration { same_fit_as: Some(newest.version.clone()), ..same };
    let run = desk.ended(&desk.app.fit_calibration(again)?)?;
    let failure = run.failure.context("nothing is newer")?;
    ensure!(failure.code == ProblemCode::Blocked, "{failure:?}");
    Ok(())
}

#[test]
fn a_dry_run_against_another_than_the_active_one_is_made_again() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let desk = Desk::open(folder.path())?;
    desk.import(Path::new(BFI), 2_800)?;
    let [all, men, women] = ["", "gender:male", "gender:female"].map(|filter| of("bfi", filter));
    let all = desk.fit(all)?.calibration.version;
    ensure!(desk.activate(&all, true) == Ok(()));
    let men = desk.fit(men)?.calibration.version;
    let women = desk.fit(women)?.calibration.version;
    ensure!(desk.activate(&men, true) == Ok(()));
    let version = women.clone();
    let detail = desk.app.get_calibration(CalibrationId { version: version.clone() })?;
    ensure!(!detail.compared, "it was compared with the one that retired");
    ensure!(desk.activate(&women, true) == Err(ProblemCode::Blocked));
    let run = desk.app.compare_calibration(against(&version, None))?;
    ensure!(desk.ended(&run)?.state == CalibrationRunState::Done);
    let detail = desk.app.get_calibration(CalibrationId { version })?;
    ensure!(detail.compared && detail.compared_with.as_ref() == Some(&men));
    ensure!(desk.activate(&women, true) == Ok(()));

    // Any two can be compared; what stands then is no dry run of an activation.
    let run = desk.app.compare_calibration(against(&all, Some(&men)))?;
    ensure!(desk.ended(&run)?.state == CalibrationRunState::Done);
    let detail = desk.app.get_calibration(CalibrationId { version: all.clone() })?;
    ensure!(!detail.compared && detail.compared_with.as_ref() == Some(&men));
    let [changed, people] = detail.dimensions[0].change_band.context("it was compared")?;
    ensure!(changed > 0 && people == 2_800, "{changed} of {people}");
    let none = desk.app.compare_calibration(against(&all, Some("ffff")));
    ensure!(none.is_err_and(|problem| problem.code == ProblemCode::NotFound));
    Ok(())
}

#[test]
fn what_cannot_be_calibrated_says_why() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let desk = Desk::open(&folder.path().join("desk"))?;
    let file = folder.path().join("one.ndjson");
    fs::write(&file, "{\"schema\":\"user_profile.v1\",\"id\":\"one\"}\n")?;
    desk.import(&file, 1)?;
    let run = desk.ended(&desk.app.fit_calibration(of("bfi", ""))?)?;
    let failure = run.failure.context("nobody answered anything")?;
    ensure!(failure.code == ProblemCode::NothingObserved, "{failure:?}");
    let code = |asked| desk.app.fit_calibration(asked).map_err(|problem| problem.code);
    ensure!(code(of("none", "")) == Err(ProblemCode::NotFound));
    ensure!(code(of("bfi", "age<")) == Err(ProblemCode::InvalidFilter));
    let wrong = FitCalibration { as_of: Some("yesterday".to_owned()), ..of("bfi", "") };
    ensure!(code(wrong) == Err(ProblemCode::InvalidRequest));
    ensure!(desk.activate("", true) == Err(ProblemCode::NotFound));
    ensure!(desk.app.list_calibrations(Empty {})?.calibrations.is_empty());
    Ok(())
}

#[test]
fn schemas_are_checked_and_their_versions_stay() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let desk = Desk::open(folder.path())?;
    let schema = |version: u32, weight: f64| {
        json!({"schema": "behavior_schema.v1", "name": "own", "version": version,
            "signals": [{"name": "A1", "kind": "level", "range": [1, 6]}],
            "dimensions": [{"name": "d", "weights": {"A1": weight}}]})
        .to_string()
    };
    let check = |text: String, keep| desk.app.check_behavior_schema(SchemaText { text, keep });
    let wrong = check("{\"schema\":".to_owned(), true)?;
    ensure!(wrong.schema.is_none() && wrong.reason.is_some(), "{wrong:?}");
    let wrong = check(schema(1, -1.0), true)?;
    ensure!(wrong.pointer.as_deref() == Some("/dimensions/0/weights"), "{wrong:?}");
    ensure!(check(schema(1, 1.0), false)?.schema.is_some());
    ensure!(desk.app.list_calibrations(Empty {})?.schemas.len() == 2, "it was looked at alone");
    check(schema(1, 1.0), true)?;
    check(schema(1, 1.0), true)?;
    let other = check(schema(1, 2.0), true).map_err(|problem| problem.code);
    ensure!(other == Err(ProblemCode::Blocked), "a version that is kept stays");
    check(schema(2, 2.0), true)?;
    let named = schema(1, 1.0).replace("\"own\"", "\"bfi\"");
    ensure!(check(named, true).map_err(|problem| problem.code) == Err(ProblemCode::Blocked));
    let all = desk.app.list_calibrations(Empty {})?.schemas;
    let names: Vec<_> = all.iter().map(|one| (one.name.as_str(), one.version)).collect();
    ensure!(names == [("bfi", 1), ("cdnow", 1), ("own", 1), ("own", 2)], "{names:?}");
    desk.import(Path::new(BFI), 2_800)?;
    let newest = desk.fit(of("own", ""))?;
    ensure!(newest.calibration.schema_version == 2, "the newest version is taken");
    Ok(())
}
