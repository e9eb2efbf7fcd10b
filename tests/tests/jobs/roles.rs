//! Who may do what: every operation of the description, with every token that there is.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use kartei_protocol::jobs::JobState;
use kartei_test_support::{Http, Reply, until_some};
use serde_json::{Value, json};

use crate::{JSON, Office, WITHIN, office, post, quality};

/// Whose token is enough, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    /// Also who has no token.
    Anybody,
    Viewer,
    Analyst,
    Admin,
}

use Who::{Admin, Analyst, Anybody, Viewer};

/// Every operation of the description, with whose token is enough. One that is new fails here until it is named.
const WHO_MAY: &[(&str, Who)] = &[
    ("get /limits", Anybody),
    ("get /profiles/schema", Anybody),
    ("get /sign-in", Anybody),
    // Refused without a provider, which this relay does not have: `sign_in`.
    ("post /sign-in/oidc", Anybody),
    ("get /analyze/jobs", Viewer),
    ("get /analyze/jobs/{id}", Viewer),
    ("get /analyze/jobs/{id}/events", Viewer),
    ("get /analyze/results/{id}", Viewer),
    ("get /api/files", Viewer),
    ("get /api/files/serve/{id}", Viewer),
    ("get /api/files/{id}", Viewer),
    ("get /api/uploads", Viewer),
    ("get /calibrations", Viewer),
    ("get /calibrations/{version}", Viewer),
    ("get /notifications", Viewer),
    ("post /notifications/read", Viewer),
    ("get /profiles", Viewer),
    ("get /profiles/changes", Viewer),
    ("get /profiles/export", Viewer),
    ("get /profiles/imports/{id}", Viewer),
    ("post /profiles/validate", Viewer),
    ("get /profiles/{id}", Viewer),
    ("get /profiles/{id}/behavior", Viewer),
    ("get /profiles/{id}/document", Viewer),
    ("get /profiles/{id}/history", Viewer),
    // A link to what a viewer may read anyway.
    ("post /api/files/{id}/link", Viewer),
    ("post /analyze", Analyst),
    ("post /analyze/jobs", Analyst),
    ("post /analyze/jobs/{id}/cancel", Analyst),
    ("post /analyze/jobs/{id}/retry", Analyst),
    ("delete /api/files/{id}", Analyst),
    ("patch /api/files/{id}", Analyst),
    ("post /api/files/{id}/import", Analyst),
    ("delete /api/files/{id}/profiles/{profile}", Analyst),
    ("put /api/files/{id}/profiles/{profile}", Analyst),
    ("post /api/upload", Analyst),
    ("post /calibrations", Analyst),
    ("post /calibrations/fit", Analyst),
    ("delete /calibrations/{version}", Analyst),
    ("post /calibrations/{version}/activate", Analyst),
    ("post /calibrations/{version}/compare", Analyst),
    ("post /profiles/import", Analyst),
    ("delete /profiles/imports/{id}", Analyst),
    // Refused lines are what somebody sent who may write.
    ("get /profiles/imports/{id}/{file}", Analyst),
    ("delete /profiles/{id}", Analyst),
    ("patch /profiles/{id}", Analyst),
    ("put /profiles/{id}", Analyst),
    ("post /profiles/{id}/document", Analyst),
    ("post /profiles/{id}/merge", Analyst),
    ("get /admin/audit", Admin),
    ("get /admin/deliveries", Admin),
    ("post /admin/deliveries/{id}/send", Admin),
    ("get /admin/jobs/running", Admin),
    ("post /admin/jobs/{id}/fail", Admin),
    ("delete /admin/jobs/{id}/hold", Admin),
    ("put /admin/jobs/{id}/hold", Admin),
    ("get /admin/queue", Admin),
    ("patch /admin/queue", Admin),
    ("post /admin/queue/pause", Admin),
    ("post /admin/queue/resume", Admin),
    ("get /admin/retention", Admin),
    ("patch /admin/retention", Admin),
    ("post /admin/retention/apply", Admin),
    ("post /admin/retention/plan", Admin),
    ("post /admin/retention/purge", Admin),
    ("get /admin/retention/runs", Admin),
    ("post /admin/retention/runs/{id}/restore", Admin),
    ("get /admin/devices", Admin),
    ("get /admin/files/{id}/reads", Admin),
    ("get /admin/organisation", Admin),
    ("put /admin/quota", Admin),
    ("get /admin/tokens", Admin),
    ("post /admin/tokens", Admin),
    ("delete /admin/tokens/{id}", Admin),
    ("delete /admin/webhook", Admin),
    ("get /admin/webhook", Admin),
    ("put /admin/webhook", Admin),
    ("get /erasures", Admin),
    ("post /profiles/{id}/erase", Admin),
];

/// Things that are there, so that no refusal can be a mere "not found".
struct Things {
    profile: String,
    /// The profile's tag.
    tag: String,
    job: String,
    result: String,
    import: String,
    file: String,
    calibration: String,
    run: String,
    delivery: String,
    token: String,
}

impl Things {
    fn made(office: &Office, chef: &Http) -> Result<Self> {
        let http = &office.http;
        let job = office.submit(&quality())?;
        let job = office.ended(&job.job_id)?;
        assert_eq!(job.status, JobState::Completed);
        let profile = http.get("/profiles?limit=1")?.expect(200)?.json();
        let profile = said(&profile["profiles"][0]["id"])?;
        let tag = http.get(&format!("/profiles/{profile}"))?.expect(200)?;
        let line = b"{\"schema\":\"user_profile.v1\",\"id\":\"p-1\",\"attributes\":{}}\nnonsense\n";
        let lines = [("content-type", "application/x-ndjson")];
        let import = http.send("POST", "/profiles/import", &lines, line)?.expect(207)?.json();
        let bytes = [("content-type", "application/octet-stream")];
        let upload = "/api/upload?action=create&complete=true&name=people.ndjson";
        let file = http.send("POST", upload, &bytes, line)?.expect(201)?.json();
        let fit = post(http, "/calibrations/fit", &[], &json!({"schema": "bfi"}))?.expect(201)?;
        let fit = office.ended(&said(&fit.json()["job_id"])?)?;
        let draft = office.result(&fit)?;
        let plan = post(chef, "/admin/retention/plan", &[], &json!({}))?.expect(200)?.json();
        let plan = json!({"plan_hash": plan["plan_hash"], "as_of": plan["as_of"]});
        let run = post(chef, "/admin/retention/apply", &[], &plan)?.expect(200)?.json();
        let delivery = until_some(WITHIN, "the end is told", || {
            let listed = chef.get("/admin/deliveries")?.expect(200)?.json();
            Ok(listed["deliveries"][0]["id"].as_i64().map(|id| id.to_string()))
        })?;
        let spare = json!({"name": "Spare", "role": "viewer"});
        let spare = post(chef, "/admin/tokens", &[], &spare)?.expect(201)?.json();
        Ok(Self {
            profile,
            tag: tag.header("etag").context("a profile has a tag")?.to_owned(),
            result: job.result_id.context("a completed job has a result")?,
            job: job.job_id,
            import: said(&import["import_id"])?,
            file: said(&file["file"])?,
            calibration: said(&draft["calibration"]["version"])?,
            run: said(&run["run_id"])?,
            delivery,
            token: said(&spare["token_id"])?,
        })
    }

    /// The path of an operation, with the names of what is there.
    fn path(&self, route: &str, template: &str) -> Result<String> {
        let id = match template {
            t if t.starts_with("/analyze/jobs/") || t.starts_with("/admin/jobs/") => &self.job,
            t if t.starts_with("/analyze/results/") => &self.result,
            t if t.starts_with("/admin/deliveries/") => &self.delivery,
            t if t.starts_with("/admin/tokens/") => &self.token,
            t if t.starts_with("/admin/retention/runs/") => &self.run,
            t if t.starts_with("/api/files/") || t.starts_with("/admin/files/") => &self.file,
            t if t.starts_with("/profiles/imports/") => &self.import,
            t if t.starts_with("/profiles/{id}") => &self.profile,
            _ => "",
        };
        let mut path = template.to_owned();
        for (name, value) in [
            ("{id}", id),
            ("{version}", &self.calibration),
            ("{profile}", &self.profile),
            ("{file}", "errors.ndjson"),
        ] {
            anyhow::ensure!(!path.contains(name) || !value.is_empty(), "{route} names what?");
            path = path.replace(name, value);
        }
        if route == "post /api/upload" {
            path.push_str("?action=create");
        }
        Ok(path)
    }

    fn ask(&self, http: &Http, route: &str) -> Result<Reply> {
        let (method, template) = route.split_once(' ').context("a method and a path")?;
        let path = self.path(route, template)?;
        // Nobody reads the body of a request that is refused, and the connection may end under the next one.
        let body = match method {
            "get" | "delete" => String::new(),
            _ => self.body(route).to_string(),
        };
        let kind = match route {
            "patch /profiles/{id}" => "application/merge-patch+json",
            "post /profiles/import" => "application/x-ndjson",
            "post /profiles/{id}/document" => "application/octet-stream",
            _ => JSON.1,
        };
        let mut headers = vec![("content-type", kind)];
        if template == "/profiles/{id}" && method != "get" {
            headers.push(("if-match", self.tag.as_str()));
        }
        http.send(&method.to_uppercase(), &path, &headers, body.as_bytes())
            .with_context(|| route.to_owned())
    }

    /// A body that the operation understands.
    fn body(&self, route: &str) -> Value {
        match route {
            "post /analyze" | "post /analyze/jobs" => quality(),
            "post /calibrations/fit" => json!({"schema": "bfi"}),
            "post /api/upload" => json!({"name": "x", "size": 1}),
            "post /notifications/read" => json!({"id": "note-nobody"}),
            "patch /api/files/{id}" => json!({"name": "x"}),
            "put /admin/quota" => json!({"bytes": null}),
            "post /admin/tokens" => json!({"name": "x", "role": "viewer"}),
            "patch /admin/queue" => json!({"weight": 100}),
            "post /admin/queue/pause" | "post /admin/queue/resume" => json!({"analysis": "map"}),
            "patch /profiles/{id}" => json!({"display_name": "x"}),
            "put /profiles/{id}" | "post /profiles/validate" | "post /profiles/import" => {
                json!({"schema": "user_profile.v1", "id": self.profile, "attributes": {}})
            }
            _ => json!({}),
        }
    }
}

fn said(value: &Value) -> Result<String> {
    Ok(value.as_str().with_context(|| format!("a text, not {value}"))?.to_owned())
}

/// Everybody who may not is refused before anything happens; everybody who may is not.
#[test]
fn every_operation_asks_who_may() -> Result<()> {
    // Every operation is asked for by strangers, who would have to wait after some of them.
    let office = office(&[("KARTEI_RATE_UNKNOWN_TOKENS", "100000")], "bfi.ndjson.gz")?;
    let url = office.relay.url();
    let chef = crate::admin::administrator(&office)?;
    let things = Things::made(&office, &chef)?;
    let gone = office.home.token("admin", "Gone")?;
    office.home.admin(&["token", "revoke", "--org", "Test", "--name", "Gone"])?.expect_code(0)?;
    let strangers = [
        ("no token", Http::new(url, None)),
        ("an unknown token", Http::new(url, Some("nobody"))),
        ("a revoked token", Http::new(url, Some(&gone))),
    ];
    let mut people = Vec::new();
    for (who, role) in [(Viewer, "viewer"), (Analyst, "analyst"), (Admin, "admin")] {
        people.push((who, Http::new(url, Some(&office.home.token(role, role)?))));
    }

    let described = chef.get("/openapi.json")?.expect(200)?.json();
    let described: BTreeSet<String> = operations(&described).collect();
    let known: BTreeMap<&str, Who> = WHO_MAY.iter().copied().collect();
    assert_eq!(known.len(), WHO_MAY.len(), "one entry each");
    let named: BTreeSet<String> = known.keys().map(|&route| route.to_owned()).collect();
    assert_eq!(described, named, "operations of the description, and entries of this table");

    let state = || -> Result<_> {
        let head = chef.get("/profiles?limit=1")?.expect(200)?;
        let head = head.header("kartei-revision").map(str::to_owned);
        let jobs = chef.get("/analyze/jobs?limit=500")?.expect(200)?.text();
        Ok((head, jobs, chef.get("/admin/audit")?.expect(200)?.text()))
    };
    let before = state()?;
    let mut wrong = Vec::new();
    for (&route, &least) in &known {
        for (who, http) in &strangers {
            let reply = things.ask(http, route)?;
            let refused = reply.status == 401 && reply.json()["code"] == "unauthorized";
            if refused == (least == Anybody) {
                wrong.push(format!("{route} answers {who} {}", reply.status));
            }
        }
        for (who, http) in people.iter().filter(|(who, _)| *who < least) {
            let reply = things.ask(http, route)?;
            if (reply.status, &reply.json()["code"]) != (403, &json!("forbidden")) {
                wrong.push(format!("{route} answers {who:?} {}: {}", reply.status, reply.text()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new(), "who may not is refused");
    assert_eq!(state()?, before, "nothing happened");
    for (&route, &least) in &known {
        for (who, http) in people.iter().filter(|(who, _)| *who >= least) {
            let reply = things.ask(http, route)?;
            if matches!(reply.status, 401 | 403 | 500..) {
                wrong.push(format!("{route} answers {who:?} {}: {}", reply.status, reply.text()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new(), "who may is not refused");
    Ok(())
}

/// Methods with paths, as `get /profiles/{id}`.
fn operations(description: &Value) -> impl Iterator<Item = String> + '_ {
    description["paths"].as_object().into_iter().flatten().flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(move |(method, _)| format!("{method} {path}"))
    })
}
