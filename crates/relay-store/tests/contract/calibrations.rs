use kartei_protocol::calibrations::CalibrationStage;
use kartei_relay_store::{
    Activated, AuditQuery, CalibrationAdded, CalibrationDeleted, CalibrationRow, NewCalibrationRow,
};

use crate::stage::Stage;

fn new<'a>(version: &'a str, schema: &'a str) -> NewCalibrationRow<'a> {
    NewCalibrationRow {
        version,
        schema,
        schema_version: 1,
        as_of: 1_000,
        profiles: 2_800,
        schema_text: "{}",
        body: r#"{"n":1}"#,
    }
}

fn add(stage: &Stage<'_>, version: &str, schema: &str) -> CalibrationAdded {
    stage.store.add_calibration(stage.org, "Ada", &new(version, schema)).unwrap()
}

fn activate(stage: &Stage<'_>, version: &str, instead_of: Option<&str>) -> Activated {
    stage.store.activate_calibration(stage.org, "Ben", version, instead_of).unwrap()
}

fn stages(stage: &Stage<'_>) -> Vec<(String, CalibrationStage)> {
    let mut all = stage.store.calibrations(stage.org).unwrap();
    all.sort_by(|a, b| a.version.cmp(&b.version));
    all.into_iter().map(|CalibrationRow { version, stage, .. }| (version, stage)).collect()
}

pub(crate) fn of_a_schema_one_calibration_is_active(stage: &Stage<'_>) {
    let CalibrationAdded::New(row) = add(stage, "v1", "bfi") else { panic!("it is new") };
    assert_eq!((row.stage, row.made_by.as_str()), (CalibrationStage::Draft, "Ada"));
    assert_eq!((row.as_of, row.profiles), (1_000, 2_800));
    assert_eq!(add(stage, "v1", "bfi"), CalibrationAdded::Same(row));
    add(stage, "v2", "bfi");
    add(stage, "w1", "cdnow");
    assert_eq!(activate(stage, "v9", None), Activated::Missing);
    let Activated::Now(row) = activate(stage, "v1", None) else { panic!("it is active") };
    assert_eq!((row.changed_by.as_str(), row.made_by.as_str()), ("Ben", "Ada"));
    assert!(matches!(activate(stage, "v1", None), Activated::Already(_)), "the same again");
    assert_eq!(activate(stage, "v2", None), Activated::Overtaken(Some("v1".to_owned())));
    assert_eq!(activate(stage, "v2", Some("v8")), Activated::Overtaken(Some("v1".to_owned())));
    assert_eq!(activate(stage, "w1", Some("v1")), Activated::Overtaken(None), "another schema");
    assert!(matches!(activate(stage, "w1", None), Activated::Now(_)));
    assert!(matches!(activate(stage, "v2", Some("v1")), Activated::Now(_)));
    let (active, retired) = (CalibrationStage::Active, CalibrationStage::Retired);
    let named = |all: &[(&str, CalibrationStage)]| {
        all.iter().map(|(version, stage)| ((*version).to_owned(), *stage)).collect::<Vec<_>>()
    };
    assert_eq!(stages(stage), named(&[("v1", retired), ("v2", active), ("w1", active)]));
    assert!(matches!(activate(stage, "v1", Some("v2")), Activated::Now(_)), "and back");
    assert_eq!(stages(stage), named(&[("v1", active), ("v2", retired), ("w1", active)]));
    let newest = stage.store.calibrations(stage.org).unwrap();
    assert!(newest.windows(2).all(|two| two[0].changed_at >= two[1].changed_at));
}

pub(crate) fn only_drafts_are_deleted_and_all_is_told(stage: &Stage<'_>) {
    add(stage, "v1", "bfi");
    add(stage, "v2", "bfi");
    activate(stage, "v1", None);
    let delete = |version: &str| stage.store.delete_calibration(stage.org, "Ada", version).unwrap();
    assert_eq!(delete("v1"), CalibrationDeleted::NoDraft);
    assert_eq!(delete("v2"), CalibrationDeleted::Gone);
    assert_eq!(delete("v2"), CalibrationDeleted::Missing);
    let whole = stage.store.calibration(stage.org, "v1").unwrap().unwrap();
    assert_eq!((whole.schema_text.as_str(), whole.body.as_str()), ("{}", r#"{"n":1}"#));
    assert_eq!(stage.store.calibration(stage.org, "v2").unwrap(), None);
    let query = AuditQuery { limit: 10, ..AuditQuery::default() };
    let told: Vec<(String, String)> = stage
        .store
        .audit(stage.org, &query)
        .unwrap()
        .into_iter()
        .filter(|event| event.action.starts_with("calibration."))
        .map(|event| (event.action, event.subject))
        .collect();
    let said = |action: &str, version: &str| (format!("calibration.{action}"), version.to_owned());
    assert_eq!(
        told,
        [said("deleted", "v2"), said("activated", "v1"), said("added", "v2"), said("added", "v1")]
    );
    assert_eq!(stage.store.calibrations(stage.other).unwrap(), [], "of another organisation");
    assert_eq!(stage.store.calibration(stage.other, "v1").unwrap(), None);
    let other = stage.store.activate_calibration(stage.other, "Eve", "v1", Some("v1")).unwrap();
    assert_eq!(other, Activated::Missing);
}
