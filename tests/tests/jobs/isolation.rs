//! Two organisations: no route of one tells anything of the other.

use std::collections::BTreeSet;

use anyhow::Result;
use kartei_protocol::jobs::JobState;
use kartei_test_support::{Http, until_some};
use serde_json::{Value, json};

use crate::{JSON, WITHIN, office, post, quality};

/// Routes that answer everybody the same, or only ever of the organisation that asks, because nothing of
/// another one can be named in them.
const NAMELESS: &[&str] = &[
    "get /limits",
    // Whose token comes of it is decided by the relay's options alone.
    "get /sign-in",
    "post /sign-in/oidc",
    "get /profiles/schema",
    "get /profiles",
    "get /profiles/changes",
    "get /erasures",
    "get /profiles/export",
    "post /profiles/import",
    "post /profiles/validate",
    "post /analyze",
    "post /analyze/jobs",
    "get /analyze/jobs",
    "get /calibrations",
    "post /calibrations",
    "post /calibrations/fit",
    "get /notifications",
    "get /admin/audit",
    "get /admin/organisation",
    "put /admin/quota",
    "get /admin/devices",
    "get /admin/tokens",
    "post /admin/tokens",
    "get /admin/queue",
    "patch /admin/queue",
    "post /admin/queue/pause",
    "post /admin/queue/resume",
    "get /admin/jobs/running",
    "get /admin/webhook",
    "put /admin/webhook",
    "delete /admin/webhook",
    "get /admin/deliveries",
    "get /admin/retention",
    "patch /admin/retention",
    "post /admin/retention/plan",
    "post /admin/retention/apply",
    "get /admin/retention/runs",
    "post /admin/retention/purge",
    "post /api/upload",
    "get /api/upload",
    "get /api/files",
];

/// Every route of the description that names something is asked with the names of another organisation's
/// things, and must answer as it answers for things that are nowhere. A route that is new fails here until
/// it is either named above or says so.
#[test]
fn no_route_tells_one_organisation_of_another() -> Result<()> {
    let office = office(&[], "bfi.ndjson.gz")?;
    let job = office.submit(&quality())?;
    let job = office.ended(&job.job_id)?;
    assert_eq!(job.status, JobState::Completed);
    let result = job.result_id.clone().unwrap_or_default();
    let profile = office.http.get("/profiles?limit=1")?.json()["profiles"][0]["id"].clone();
    let profile = profile.as_str().unwrap_or_default().to_owned();
    let notes = office.http.get("/notifications")?.json();
    let note = notes["notifications"][0]["id"].clone();
    // Nothing is old enough to be in it; a run it is all the same.
    let chef = crate::admin::administrator(&office)?;
    let plan = post(&chef, "/admin/retention/plan", &[], &json!({}))?.expect(200)?.json();
    let plan = json!({"plan_hash": plan["plan_hash"], "as_of": plan["as_of"]});
    let run = post(&chef, "/admin/retention/apply", &[], &plan)?.expect(200)?.json();
    let run = run["run_id"].as_str().unwrap_or_default().to_owned();
    let listed = chef.get("/admin/tokens")?.expect(200)?.json();
    let token = listed["tokens"][0]["token_id"].as_str().unwrap_or_default().to_owned();
    let delivery = until_some(WITHIN, "the end is told", || {
        let listed = chef.get("/admin/deliveries")?.expect(200)?.json();
        Ok(listed["deliveries"][0]["id"].as_i64().map(|id| id.to_string()))
    })?;
    let ada = office.stage.client("ada")?;
    ada.login(office.relay.url(), &office.home.token("analyst", "Ada's desk")?)?;
    ada.sync()?;
    let draft = ada.run(&["calibrate", "fit", "bfi"])?.expect_code(0)?.json()?;
    let calibration = draft["calibration"]["version"].as_str().unwrap_or_default().to_owned();
    ada.run(&["calibrate", "activate", &calibration])?.expect_code(0)?;
    let foreign = office.home.organisation("other")?;
    let theirs = Http::new(office.relay.url(), Some(&foreign.token("admin", "Ada")?));
    let description = theirs.get("/openapi.json")?.expect(200)?.json();
    let mut untested = BTreeSet::new();
    for (path, methods) in description["paths"].as_object().into_iter().flatten() {
        for method in methods.as_object().into_iter().flatten().map(|(method, _)| method) {
            let route = format!("{method} {path}");
            if NAMELESS.contains(&route.as_str()) {
                continue;
            }
            let names: Option<(&str, &str)> = match path.as_str() {
                p if p.starts_with("/analyze/jobs/{id}") || p.starts_with("/admin/jobs/{id}") => {
                    Some((&job.job_id, "job-nobody"))
                }
                "/admin/tokens/{id}" => Some((&token, "999999")),
                p if p.starts_with("/admin/deliveries/{id}") => Some((&delivery, "999999")),
                p if p.starts_with("/admin/retention/runs/{id}") => Some((&run, "run-nobody")),
                "/analyze/results/{id}" => Some((&result, "result-nobody")),
                p if p.starts_with("/calibrations/{version}") => Some((&calibration, "nobody")),
                p if p.starts_with("/profiles/{id}") => Some((&profile, "nobody")),
                _ => None,
            };
            let body = body_of(&route);
            if route == "post /notifications/read" {
                let read =
                    theirs.send("POST", path, &[JSON], json!({"id": note}).to_string().as_bytes());
                assert_eq!(read?.expect(200)?.json()["read"], 0, "{route}");
                continue;
            }
            let Some((known, nowhere)) = names else {
                untested.insert(route);
                continue;
            };
            let ask = |id: &str| {
                let path = path.replace("{id}", id).replace("{version}", id);
                let headers = [JSON, ("if-match", "\"00\"")];
                // A body that nobody reads may end the connection under the next request.
                let body = match method.as_str() {
                    "get" | "delete" => String::new(),
                    _ => body.to_string(),
                };
                theirs.send(&method.to_uppercase(), &path, &headers, body.as_bytes())
            };
            let (one, other) = (ask(known)?, ask(nowhere)?);
            assert_eq!(one.status, other.status, "{route}");
            assert!(one.status >= 400, "{route} answered {}: {}", one.status, one.text());
            assert_eq!(
                one.text().replace(known, "X"),
                other.text().replace(nowhere, "X"),
                "{route}"
            );
        }
    }
    // Imports, uploads and files have things of their own, which their tests ask for: `rest_import`,
    // `uploads`.
    untested.retain(|route| {
        !["/profiles/imports/", "/api/", "/admin/files/"].iter().any(|part| route.contains(part))
    });
    assert_eq!(untested, BTreeSet::new(), "routes that no test asks with foreign names");
    let listed = theirs.get("/analyze/jobs")?.expect(200)?.json();
    assert_eq!(listed["jobs"], json!([]));
    let told = theirs.get("/notifications")?.expect(200)?.json();
    assert_eq!(told, json!({"notifications": [], "unread": 0}), "of the same name elsewhere");
    assert!(!theirs.get("/profiles")?.text().contains(&profile));
    let tokens = theirs.get("/admin/tokens?include=ended")?.expect(200)?.json();
    assert_eq!(tokens["tokens"].as_array().map(Vec::len), Some(1), "its own: {tokens}");
    chef.get("/admin/organisation")?.expect(200)?;
    assert_eq!(theirs.get("/admin/devices")?.expect(200)?.json(), json!({"devices": []}));
    assert_eq!(theirs.get("/admin/organisation")?.expect(200)?.json()["profiles"], 0);
    let still = office.http.get("/notifications")?.json();
    assert_eq!(still["unread"], notes["unread"]);
    office.check()?;
    Ok(())
}

/// A body that the route would understand.
fn body_of(route: &str) -> Value {
    match route {
        "patch /profiles/{id}" => json!({"display_name": "x"}),
        "post /profiles/{id}/merge" => json!({"base": "00", "record": {}}),
        _ => json!({}),
    }
}
