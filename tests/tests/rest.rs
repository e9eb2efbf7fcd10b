//! The interface for integrators, as their programs see it: plain HTTP and JSON.

use anyhow::Result;
use kartei_test_support::{Http, Relay, RelayHome, Reply, Stage};
use serde_json::{Value, json};

struct Service {
    _stage: Stage,
    home: RelayHome,
    relay: Relay,
    http: Http,
}

const JSON: (&str, &str) = ("content-type", "application/json");
const MERGE_PATCH: (&str, &str) = ("content-type", "application/merge-patch+json");
const NEW: (&str, &str) = ("if-none-match", "*");

fn service() -> Result<Service> {
    let stage = Stage::new()?;
    let home = stage.relay_home()?;
    let relay = home.start()?;
    let http = Http::new(relay.url(), Some(&home.token("analyst", "billing")?));
    Ok(Service { _stage: stage, home, relay, http })
}

impl Service {
    fn as_role(&self, role: &str) -> Result<Http> {
        Ok(Http::new(self.relay.url(), Some(&self.home.token(role, role)?)))
    }

    fn put(&self, record: &Value, condition: (&str, &str)) -> Result<Reply> {
        let path = format!("/profiles/{}", record["id"].as_str().unwrap_or_default());
        self.http.send("PUT", &path, &[JSON, condition], record.to_string().as_bytes())
    }

    fn patch(&self, id: &str, tag: &str, patch: &Value) -> Result<Reply> {
        let headers = [MERGE_PATCH, ("if-match", tag)];
        self.http.send("PATCH", &format!("/profiles/{id}"), &headers, patch.to_string().as_bytes())
    }
}

fn person(id: &str, attributes: &Value) -> Value {
    json!({"schema": "user_profile.v1", "id": id, "attributes": attributes})
}

fn tag(reply: &Reply) -> String {
    reply.header("etag").unwrap_or_default().to_owned()
}

#[test]
fn a_profile_is_written_read_and_known_by_its_tag() -> Result<()> {
    let service = service()?;
    let created =
        service.put(&person("p-1", &json!({"city": "Bern", "n": 1.0})), NEW)?.expect(201)?;
    assert_eq!(created.header("location"), Some("/profiles/p-1"));
    assert_eq!(created.header("kartei-revision"), Some("1"));
    assert_eq!(
        created.text(),
        r#"{"attributes":{"city":"Bern","n":1},"id":"p-1","schema":"user_profile.v1"}"#,
        "canonical"
    );
    let read = service.http.get("/profiles/p-1")?.expect(200)?;
    assert_eq!((read.text(), tag(&read)), (created.text(), tag(&created)));
    assert!(tag(&read).starts_with('"') && tag(&read).len() == 66, "{}", tag(&read));
    assert!(read.header("last-modified").is_some_and(|moment| moment.ends_with("GMT")));
    let known =
        service.http.send("GET", "/profiles/p-1", &[("if-none-match", &tag(&read))], &[])?;
    let known = known.expect(304)?;
    assert!(known.body.is_empty());
    assert_eq!(tag(&known), tag(&read));
    let head = service.http.send("HEAD", "/profiles/p-1", &[], &[])?.expect(200)?;
    assert!(head.body.is_empty());
    Ok(())
}

#[test]
fn nobody_overwrites_what_they_have_not_seen() -> Result<()> {
    let service = service()?;
    let without = service.put(&person("p-1", &json!({})), ("x-nothing", "1"))?.expect(428)?;
    assert_eq!(without.header("content-type"), Some("application/problem+json"));
    assert_eq!(without.json()["code"], "precondition_required");
    let first = service.put(&person("p-1", &json!({"n": 1})), NEW)?.expect(201)?;
    let again = service.put(&person("p-1", &json!({"n": 2})), NEW)?.expect(412)?;
    assert_eq!(again.json()["current"]["record"]["attributes"]["n"], 1);
    let second = service.put(&person("p-1", &json!({"n": 2})), ("if-match", &tag(&first)))?;
    let second = second.expect(200)?;
    let stale = service.put(&person("p-1", &json!({"n": 3})), ("if-match", &tag(&first)))?;
    let stale = stale.expect(412)?;
    assert_eq!(tag(&stale), tag(&second));
    let current = &stale.json()["current"];
    assert_eq!(current["etag"], tag(&second));
    assert_eq!(
        (&current["revision"], &current["record"]["attributes"]["n"]),
        (&json!(2), &json!(2))
    );
    let absent = service.put(&person("p-2", &json!({})), ("if-match", "*"))?.expect(412)?;
    assert_eq!(absent.json()["current"], Value::Null);
    assert_eq!(service.http.get("/profiles/changes")?.json()["head_rev"], 2);
    Ok(())
}

#[test]
fn a_patch_changes_what_it_names() -> Result<()> {
    let service = service()?;
    let record = person("p-1", &json!({"city": "Bern", "plan": "basic"}));
    let first = service.put(&record, NEW)?.expect(201)?;
    let merge = json!({"attributes": {"city": "Ulm", "plan": null}, "tags": ["vip"]});
    let second = service.patch("p-1", &tag(&first), &merge)?.expect(200)?;
    assert_eq!(second.json()["attributes"], json!({"city": "Ulm"}));
    assert_eq!(second.json()["tags"], json!(["vip"]));
    let operations = json!([
        {"op": "test", "path": "/attributes/city", "value": "Ulm"},
        {"op": "add", "path": "/attributes/n", "value": 5}
    ]);
    let headers = [("content-type", "application/json-patch+json"), ("if-match", "*")];
    let third =
        service.http.send("PATCH", "/profiles/p-1", &headers, operations.to_string().as_bytes())?;
    assert_eq!(third.expect(200)?.json()["attributes"], json!({"city": "Ulm", "n": 5}));

    let wrong = json!([{"op": "test", "path": "/attributes/city", "value": "Paris"}]);
    let wrong =
        service.http.send("PATCH", "/profiles/p-1", &headers, wrong.to_string().as_bytes())?;
    let wrong = wrong.expect(409)?;
    assert_eq!(wrong.json()["code"], "patch_failed");
    assert!(!wrong.text().contains("Paris") && !wrong.text().contains("Ulm"), "{}", wrong.text());
    let invalid =
        service.patch("p-1", "*", &json!({"attributes": {"x": {"deep": 1}}}))?.expect(422)?;
    assert_eq!(invalid.json()["pointer"], "/attributes/x");
    assert!(invalid.json()["mend"].is_string());
    service.patch("nobody", "*", &json!({}))?.expect(404)?;
    let plain = service.http.send("PATCH", "/profiles/p-1", &[JSON, ("if-match", "*")], b"{}")?;
    assert!(plain.expect(415)?.header("accept").is_some_and(|kinds| kinds.contains("merge-patch")));

    let history = service.http.get("/profiles/p-1/history")?.expect(200)?.json();
    let changes = history["changes"].as_array().cloned().unwrap_or_default();
    assert_eq!(changes.len(), 3, "{history}");
    assert_eq!(changes[1]["by"], "billing");
    assert_eq!(changes[2]["revision"], 3);
    for (rev, city) in [(1, "Bern"), (2, "Ulm"), (3, "Ulm")] {
        let past = service.http.get(&format!("/profiles/p-1?at_rev={rev}"))?.expect(200)?;
        assert_eq!(past.json()["attributes"]["city"], city, "at {rev}");
    }
    let future = service.http.get("/profiles/p-1?at_rev=9")?.expect(400)?;
    assert_eq!(future.json()["code"], "unknown_revision");
    Ok(())
}

#[test]
fn a_merge_keeps_what_both_sides_did() -> Result<()> {
    let service = service()?;
    let base = person("p-1", &json!({"city": "Bern", "plan": "basic", "n": 1}));
    let first = service.put(&base, NEW)?.expect(201)?;
    service.patch("p-1", "*", &json!({"attributes": {"plan": "pro", "n": 2}}))?.expect(200)?;
    let local = person("p-1", &json!({"city": "Ulm", "plan": "basic", "n": 3}));
    let merge = |base: &str| {
        let body = json!({"base": base, "record": local}).to_string();
        service.http.send("POST", "/profiles/p-1/merge", &[JSON], body.as_bytes())
    };
    let merged = merge(&tag(&first))?.expect(200)?.json();
    assert_eq!(merged["record"]["attributes"]["city"], "Ulm");
    assert_eq!(merged["record"]["attributes"]["plan"], "pro");
    assert_eq!(merged["conflicts"][0]["pointer"], "/attributes/n");
    assert_eq!(merged["conflicts"][0]["values"].as_array().map(Vec::len), Some(2));
    let outcome = |pointer: &str| {
        let fields = merged["fields"].as_array()?;
        fields
            .iter()
            .find(|field| field["pointer"] == pointer)
            .map(|field| field["outcome"].clone())
    };
    assert_eq!(outcome("/attributes/city"), Some(json!("mine")));
    assert_eq!(outcome("/attributes/plan"), Some(json!("theirs")));
    assert_eq!(outcome("/attributes/n"), Some(json!("conflict")));
    let now = service.http.get("/profiles/p-1")?;
    assert_eq!(
        (now.header("kartei-conflicts"), tag(&now)),
        (Some("1"), merged["etag"].as_str().unwrap_or_default().to_owned())
    );
    let unknown = merge(&"0".repeat(64))?.expect(409)?;
    assert_eq!(unknown.json()["code"], "unknown_base");
    merge("nonsense")?.expect(400)?;
    Ok(())
}

#[test]
fn a_deletion_is_one_more_change() -> Result<()> {
    let service = service()?;
    let first = service.put(&person("p-1", &json!({"n": 1})), NEW)?.expect(201)?;
    let delete =
        |condition: (&str, &str)| service.http.send("DELETE", "/profiles/p-1", &[condition], &[]);
    delete(("x-nothing", "1"))?.expect(428)?;
    service.patch("p-1", "*", &json!({"attributes": {"n": 2}}))?.expect(200)?;
    let stale = delete(("if-match", &tag(&first)))?.expect(412)?;
    let current = stale.json()["current"]["etag"].as_str().unwrap_or_default().to_owned();
    let gone = delete(("if-match", &current))?.expect(204)?;
    assert_eq!(gone.header("kartei-revision"), Some("3"));
    delete(("if-match", "*"))?.expect(404)?;
    // What it was is still to be read.
    let past = |rev: u64| service.http.get(&format!("/profiles/p-1?at_rev={rev}"));
    assert_eq!(past(1)?.expect(200)?.json()["id"], "p-1");
    past(3)?.expect(404)?;
    service.http.get("/profiles/p-1")?.expect(404)?;
    let changes = service.http.get("/profiles/changes?since_rev=2")?.json();
    assert_eq!(changes["profiles"][0]["deleted"], true, "integrators hear of it: {changes}");
    assert!(changes["profiles"][0].get("record").is_none());
    let history = service.http.get("/profiles/p-1/history")?.expect(200)?.json();
    assert_eq!(history["changes"][2]["kind"], "deletion", "{history}");
    // Created again, it keeps its history.
    let back = service.put(&person("p-1", &json!({"n": 9})), NEW)?.expect(201)?;
    assert_eq!(back.header("kartei-revision"), Some("4"));
    assert_eq!(service.http.get("/profiles/p-1")?.expect(200)?.json()["attributes"]["n"], 9);
    let history = service.http.get("/profiles/p-1/history")?.expect(200)?.json();
    assert_eq!(history["changes"].as_array().map(Vec::len), Some(4), "{history}");
    Ok(())
}

#[test]
fn changes_are_followed_without_a_gap() -> Result<()> {
    let service = service()?;
    for n in 1..=5 {
        service.put(&person(&format!("p-{n}"), &json!({"n": n})), NEW)?.expect(201)?;
    }
    service.patch("p-2", "*", &json!({"attributes": {"n": 22}}))?.expect(200)?;
    let (mut since, mut seen) = (0, Vec::new());
    loop {
        let page = service.http.get(&format!("/profiles/changes?since_rev={since}&limit=2"))?;
        let page = page.expect(200)?.json();
        for profile in page["profiles"].as_array().into_iter().flatten() {
            seen.push((profile["id"].clone(), profile["revision"].clone()));
        }
        since = page["next_rev"].as_u64().unwrap_or_default();
        if page["more"] == false {
            break;
        }
    }
    let expected: Vec<_> = [("p-1", 1), ("p-3", 3), ("p-4", 4), ("p-5", 5), ("p-2", 6)]
        .into_iter()
        .map(|(id, rev)| (json!(id), json!(rev)))
        .collect();
    assert_eq!(seen, expected);
    let lines = service.http.send(
        "GET",
        "/profiles/changes?since_rev=4",
        &[("accept", "application/x-ndjson")],
        &[],
    )?;
    let lines = lines.expect(200)?;
    assert_eq!(lines.header("kartei-revision"), Some("6"));
    assert_eq!(lines.text().lines().count(), 2);
    service.http.get("/profiles/changes?since_rev=7")?.expect(400)?;
    service.http.get("/profiles/changes?since=7")?.expect(400)?;

    let accept = ("accept", "text/event-stream");
    let mut events = service.http.events("/profiles/changes?since_rev=4", &[accept])?;
    for rev in ["5", "6"] {
        assert_eq!(events.next_event()?.id, rev);
    }
    service.patch("p-1", "*", &json!({"attributes": {"n": 11}}))?.expect(200)?;
    let event = events.next_event()?;
    let data: Value = serde_json::from_str(&event.data)?;
    assert_eq!((event.name.as_str(), event.id.as_str()), ("profile", "7"));
    assert_eq!((&data["id"], &data["record"]["attributes"]["n"]), (&json!("p-1"), &json!(11)));
    drop(events);
    let mut events = service.http.events("/profiles/changes", &[accept, ("last-event-id", "6")])?;
    assert_eq!(events.next_event()?.id, "7", "goes on where it was cut off");
    Ok(())
}

#[test]
fn lists_are_filtered_sorted_and_paged() -> Result<()> {
    let service = service()?;
    let lines: String = (0..300)
        .map(|n| {
            let city = ["Bern", "Ulm", "Chur"][n % 3];
            person(&format!("p-{n:03}"), &json!({"n": n, "city": city})).to_string() + "\n"
        })
        .collect();
    let kind = ("content-type", "application/x-ndjson");
    service.http.send("POST", "/profiles/import", &[kind], lines.as_bytes())?.expect(200)?;
    let (mut cursor, mut seen) = (String::new(), Vec::new());
    loop {
        let path = format!("/profiles?filter=city:Bern&sort=-attributes.n&limit=30{cursor}");
        let page = service.http.get(&path)?.expect(200)?.json();
        assert_eq!((&page["total"], &page["revision"]), (&json!(100), &json!(300)));
        for profile in page["profiles"].as_array().into_iter().flatten() {
            seen.push(profile["record"]["attributes"]["n"].as_u64().unwrap_or_default());
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, (0..100).map(|n| 297 - 3 * n).collect::<Vec<_>>());

    // What is written is in the next answer, and what is deleted is not.
    service.patch("p-001", "*", &json!({"attributes": {"city": "Bern"}}))?.expect(200)?;
    service.http.send("DELETE", "/profiles/p-000", &[("if-match", "*")], &[])?.expect(204)?;
    let total = |filter: &str| -> Result<Value> {
        Ok(service.http.get(&format!("/profiles?filter={filter}"))?.expect(200)?.json()["total"]
            .clone())
    };
    assert_eq!(total("city:Bern")?, 100);
    assert_eq!(total("id:p-00*")?, 9);
    assert_eq!(total("n%3E%3D297%20city:Chur")?, 1);
    assert_eq!(total("status:conflict")?, 0);

    let wrong = service.http.get("/profiles?filter=n%3E%3D")?.expect(400)?.json();
    assert_eq!(wrong["code"], "invalid_filter");
    assert!(wrong["range"].is_array() && wrong["detail"].is_string(), "{wrong}");
    service.http.get("/profiles?sort=colour")?.expect(400)?;
    service.http.get("/profiles?cursor=nonsense")?.expect(400)?;
    service.http.get("/profiles?page=2")?.expect(400)?;
    Ok(())
}

#[test]
fn tokens_open_what_their_role_says_and_their_own_organisation() -> Result<()> {
    let service = service()?;
    service.put(&person("p-1", &json!({})), NEW)?.expect(201)?;
    let nobody = Http::new(service.relay.url(), None).get("/profiles/p-1")?.expect(401)?;
    assert_eq!(nobody.header("www-authenticate"), Some("Bearer"));
    Http::new(service.relay.url(), Some("kartei_wrong")).get("/profiles/p-1")?.expect(401)?;

    let viewer = service.as_role("viewer")?;
    viewer.get("/profiles/p-1")?.expect(200)?;
    let body = person("p-2", &json!({})).to_string();
    viewer.send("PUT", "/profiles/p-2", &[JSON, NEW], body.as_bytes())?.expect(403)?;
    viewer.send("PATCH", "/profiles/p-1", &[MERGE_PATCH, ("if-match", "*")], b"{}")?.expect(403)?;
    viewer.send("POST", "/profiles/p-1/merge", &[JSON], b"{}")?.expect(403)?;

    service.home.admin(&["org", "create", "Elsewhere"])?.expect_code(0)?;
    let create = ["token", "create", "--org", "Elsewhere", "--role", "admin", "--name", "x"];
    let token = service.home.admin(&create)?.expect_code(0)?;
    let token = String::from_utf8_lossy(token.stdout()).trim().to_owned();
    let other = Http::new(service.relay.url(), Some(&token));
    for path in ["/profiles/p-1", "/profiles/p-1/history", "/profiles/p-1/document"] {
        let foreign = other.get(path)?.expect(404)?;
        let unknown = other.get(&path.replace("p-1", "nobody"))?.expect(404)?;
        assert_eq!(foreign.text(), unknown.text(), "a foreign id answers as an unknown one");
    }
    assert_eq!(other.get("/profiles/changes")?.json()["profiles"], json!([]));
    Ok(())
}

#[test]
fn what_is_wrong_with_a_body_is_said_without_its_contents() -> Result<()> {
    let service = service()?;
    let put = |headers: &[(&str, &str)], body: &[u8]| {
        service.http.send("PUT", "/profiles/p-1", headers, body)
    };
    let secret =
        r#"{"schema":"user_profile.v1","id":"p-1","attributes":{"x":["hidden@example.org"]}}"#;
    let invalid = put(&[JSON, NEW], secret.as_bytes())?.expect(422)?;
    let problem = invalid.json();
    assert_eq!(
        (&problem["pointer"], &problem["keyword"]),
        (&json!("/attributes/x"), &json!("type"))
    );
    assert!(!invalid.text().contains("hidden"), "{}", invalid.text());
    put(&[JSON, NEW], b"{\"a\":1,\"a\":2}")?.expect(422)?;
    put(&[JSON, NEW], person("p-2", &json!({})).to_string().as_bytes())?.expect(422)?;
    put(&[("content-type", "text/plain"), NEW], secret.as_bytes())?.expect(415)?;
    put(&[JSON, NEW, ("content-encoding", "br")], secret.as_bytes())?.expect(415)?;
    put(&[JSON, NEW, ("content-encoding", "gzip")], b"no gzip")?.expect(400)?;
    put(&[JSON, ("if-match", "unquoted")], b"{}")?.expect(400)?;
    let bomb = kartei_test_support::gzipped(&vec![b' '; 30 * 1024 * 1024])?;
    put(&[JSON, NEW, ("content-encoding", "gzip")], &bomb)?.expect(413)?;
    assert_eq!(service.http.get("/profiles/changes")?.json()["head_rev"], 0);
    Ok(())
}

/// The relay's documents are Automerge's: its own JavaScript loads, edits and saves them.
#[test]
fn documents_are_handed_out_edited_in_javascript_and_taken_back() -> Result<()> {
    let service = service()?;
    let mut record = person("p-1", &json!({"city": "Bern", "n": 1.5, "x": null, "yes": true}));
    record["tags"] = json!(["a"]);
    record["notes"] = json!("Grüße 👋");
    record["observations"] = json!([{"signal": "s", "value": 2, "at": "2026-01-01T00:00:00Z"}]);
    service.put(&record, NEW)?.expect(201)?;
    let given = service.http.get("/profiles/p-1/document")?.expect(200)?;
    let (from, to) = (service._stage.path("given"), service._stage.path("edited"));
    std::fs::write(&from, &given.body)?;
    let output = std::process::Command::new("node")
        .arg(kartei_test_support::repository("tests/js/interop.mjs"))
        .args([&from, &to])
        .args(["--city", "Ulm", "--tag", "js", "--append", " von JS"])
        .output()?;
    anyhow::ensure!(
        output.status.success(),
        "interop.mjs: {}\n(its packages: `cargo xtask test --only packages`)",
        String::from_utf8_lossy(&output.stderr)
    );
    // Meanwhile somebody changed something else.
    service.patch("p-1", "*", &json!({"attributes": {"n": 7}}))?.expect(200)?;
    let binary = [("content-type", "application/octet-stream")];
    let take = |path: &str, body: &[u8]| service.http.send("POST", path, &binary, body);
    let edited = std::fs::read(&to)?;
    let taken = take("/profiles/p-1/document", &edited)?.expect(200)?.json();
    assert_eq!(taken["attributes"], json!({"city": "Ulm", "n": 7, "x": null, "yes": true}));
    assert_eq!(taken["tags"], json!(["a", "js"]));
    assert_eq!(taken["notes"], "Grüße 👋 von JS");
    assert_eq!(taken["observations"].as_array().map(Vec::len), Some(1));
    let again = take("/profiles/p-1/document", &edited)?.expect(200)?;
    assert_eq!(again.header("kartei-revision"), Some("3"), "once is enough");
    take("/profiles/p-1/document", b"no document")?.expect(409)?;
    service.put(&person("p-2", &json!({})), NEW)?.expect(201)?;
    take("/profiles/p-2/document", &edited)?.expect(409)?;
    take("/profiles/nobody/document", &edited)?.expect(409)?;
    Ok(())
}

#[test]
fn the_interface_describes_itself() -> Result<()> {
    let service = service()?;
    let open = Http::new(service.relay.url(), None);
    let description = open.get("/openapi.json")?.expect(200)?.json();
    assert!(description["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    let paths = description["paths"].as_object().cloned().unwrap_or_default();
    for (path, methods) in [
        ("/profiles/{id}", &["get", "put", "patch", "delete"][..]),
        ("/profiles/{id}/merge", &["post"]),
        ("/profiles/{id}/history", &["get"]),
        ("/profiles/changes", &["get"]),
        ("/profiles/export", &["get"]),
        ("/profiles/validate", &["post"]),
    ] {
        for method in methods {
            let operation = &paths[path][*method];
            assert!(operation["summary"].is_string(), "{method} {path}");
            assert!(operation["responses"]["401"].is_object(), "{method} {path}");
        }
    }
    let record = &description["components"]["schemas"]["UserProfile"];
    assert_eq!(record["additionalProperties"], false, "{record}");
    assert!(record["properties"]["attributes"].is_object());
    // Words as they are on the wire, not as the program calls them.
    let words = |name: &str| &description["components"]["schemas"][name]["enum"];
    assert_eq!(words("TokenRole"), &json!(["viewer", "analyst", "admin"]));
    assert_eq!(words("JobState")[0], "queued");
    let schema = open.get("/profiles/schema")?.expect(200)?.json();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let page = open.get("/docs")?.expect(200)?;
    assert!(page.header("content-security-policy").is_some());
    assert!(page.text().contains("/openapi.json"));
    let missing = open.get("/nothing")?.expect(404)?;
    assert_eq!(missing.header("content-type"), Some("application/problem+json"));
    open.send("DELETE", "/openapi.json", &[], &[])?.expect(405)?;
    Ok(())
}
