//! The same from a terminal.

use anyhow::Result;
use kartei_protocol::jobs::{JobInfo, JobState};

use crate::office;

#[test]
fn an_analyst_asks_from_a_terminal() -> Result<()> {
    let office = office(&[], "bfi.ndjson.gz")?;
    let client = office.stage.client("a")?;
    client.run(&["analyze", "quality"])?.expect_code(1)?;
    client.login(office.relay.url(), &office.home.token("analyst", "Ada")?)?;
    let told = client.run_plain(&["analyze", "quality", "--filter", "age<30"])?.expect_code(0)?;
    let told = String::from_utf8_lossy(told.stdout()).into_owned();
    assert!(told.contains("as of revision 2\u{202f}800"), "{told}");
    assert!(told.contains("`education` is missing in"), "{told}");
    let wrong = client.run(&["analyze", "quality", "--filter", "(age<30"])?.expect_code(2)?;
    assert_eq!(wrong.json()?["problem"]["code"], "invalid_filter");
    let submitted = client.run(&["analyze", "quality", "--no-wait"])?.expect_code(0)?;
    let submitted: JobInfo = serde_json::from_value(submitted.json()?)?;
    let id = submitted.job_id.as_str();
    let result = client.run(&["jobs", "watch", id])?.expect_code(0)?.json()?;
    assert_eq!(result["result"]["total"], 2_800);
    let shown = client.run(&["jobs", "show", id])?.expect_code(0)?;
    let shown: JobInfo = serde_json::from_value(shown.json()?)?;
    assert_eq!(shown.status, JobState::Completed);
    let by_link = client.run(&["result", &shown.result_id.unwrap_or_default()])?.expect_code(0)?;
    assert_eq!(by_link.json()?, result);
    let listed = client.run(&["jobs", "--status", "completed"])?.expect_code(0)?.json()?;
    assert_eq!(listed.as_array().map(Vec::len), Some(2));
    let late = client.run(&["jobs", "cancel", id])?.expect_code(0)?.json()?;
    assert_eq!(late["status"], "completed", "what is done stays done");
    let again = client.run(&["jobs", "retry", id])?.expect_code(1)?;
    assert_eq!(again.json()?["problem"]["code"], "blocked");
    let nobody = client.run(&["jobs", "show", "job-nobody"])?.expect_code(1)?;
    assert_eq!(nobody.json()?["problem"]["code"], "not_found");
    Ok(())
}
