//! What becomes of files: read in parts, shared, renamed, attached, imported, deleted.

use super::*;

#[test]
fn a_part_of_a_file_is_that_part() -> Result<()> {
    let service = service()?;
    let bytes = noise(10, 2 * MIB + 300_000);
    let file = service.upload("ranges.bin", &bytes)?;
    let path = format!("/api/files/serve/{}/ranges.bin", text(&file));
    let whole = service.http.get(&path)?.expect(200)?;
    let tag = whole.header("etag").context("a file has a tag")?.to_owned();
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    let size = bytes.len();
    let cases = [
        ("bytes=0-0", 0..1),
        ("bytes=65530-65545", 65_530..65_546),
        ("bytes=1048570-1048580", 1_048_570..1_048_581),
        ("bytes=2097000-", 2_097_000..size),
        ("bytes=-5", size - 5..size),
        ("bytes=100-99999999", 100..size),
    ];
    for (range, expected) in cases {
        let part = service.http.send("GET", &path, &[("range", range)], &[])?.expect(206)?;
        assert!(part.body == bytes[expected.clone()], "{range}");
        let said = format!("bytes {}-{}/{size}", expected.start, expected.end - 1);
        assert_eq!(part.header("content-range"), Some(said.as_str()));
        let same = [("range", range), ("if-range", tag.as_str())];
        assert_eq!(service.http.send("GET", &path, &same, &[])?.status, 206);
        let other = [("range", range), ("if-range", "\"other\"")];
        assert_eq!(service.http.send("GET", &path, &other, &[])?.body.len(), size);
    }
    let outside = service.http.send("GET", &path, &[("range", &format!("bytes={size}-"))], &[])?;
    assert_eq!(outside.status, 416);
    assert_eq!(outside.header("content-range"), Some(format!("bytes */{size}").as_str()));
    assert_eq!(service.http.send("GET", &path, &[("if-none-match", &tag)], &[])?.status, 304);
    let head = service.http.send("HEAD", &path, &[], &[])?.expect(200)?;
    assert_eq!(head.header("content-length"), Some(size.to_string().as_str()));
    assert!(head.body.is_empty());
    Ok(())
}

#[test]
fn equal_contents_are_kept_once_and_go_with_the_last_file() -> Result<()> {
    let service = service()?;
    let bytes = noise(11, MIB + 5);
    let (one, two) = (service.upload("one", &bytes)?, service.upload("two", &bytes)?);
    assert_ne!(one, two);
    assert_eq!(blobs(&service)?, 1);
    let delete =
        |file: &Value| service.http.send("DELETE", &format!("/api/files/{}", text(file)), &[], &[]);
    delete(&one)?.expect(204)?;
    assert_eq!(delete(&one)?.status, 404);
    assert!(service.bytes(&two)? == bytes);
    delete(&two)?.expect(204)?;
    let clean = |arguments: &[&str]| -> Result<Value> {
        let all = [&["files", "clean", "--json", "--file-grace-hours", "0"], arguments].concat();
        let answer = service.home.run(&all)?.expect_code(0)?;
        Ok(serde_json::from_slice(answer.stdout())?)
    };
    assert_eq!(clean(&["--dry-run"])?["contents"], 1);
    assert_eq!(blobs(&service)?, 1, "a dry run removes nothing");
    assert_eq!(clean(&[])?["bytes"], bytes.len());
    assert_eq!(blobs(&service)?, 0);
    assert_eq!(clean(&[])?["contents"], 0);
    // And it can be uploaded again.
    let again = service.upload("again", &bytes)?;
    assert!(service.bytes(&again)? == bytes);
    Ok(())
}

pub(crate) fn files_in(folder: &std::path::Path) -> Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    if !folder.is_dir() {
        return Ok(found);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files_in(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

fn blobs(service: &Service) -> Result<usize> {
    Ok(files_in(&service.home.data().join("blobs/files"))?.len())
}

#[test]
fn database_and_store_are_compared_and_mended_both_ways() -> Result<()> {
    let service = service()?;
    let file = service.upload("lost", &noise(12, 1_000))?;
    service.upload("kept", &noise(13, 1_000))?;
    let check = |arguments: &[&str], rc: i32| -> Result<Value> {
        let answer = service.home.run(&[&["files", "check", "--json"], arguments].concat())?;
        Ok(serde_json::from_slice(answer.expect_code(rc)?.stdout())?)
    };
    assert_eq!(check(&[], 0)?["lost"], json!([]));
    let folder = service.home.data().join("blobs/files");
    let info = service.http.get(&format!("/api/files/{}", text(&file)))?.json();
    assert_eq!(info["name"], "lost");
    // Somebody cleaned up with the wrong tool: one is gone, and a stranger lies there.
    let victims = files_in(&folder)?;
    let mut lost = None;
    for victim in victims {
        let hidden = victim.with_extension("hidden");
        fs::rename(&victim, &hidden)?;
        let is_it = service.bytes(&file).is_err();
        fs::rename(&hidden, &victim)?;
        if is_it {
            lost = Some(victim);
        }
    }
    let lost = lost.context("one of them is the file")?;
    let stranger = lost.with_file_name("stranger");
    let copy = service.stage.path("copy");
    fs::copy(&lost, &copy)?;
    fs::rename(&lost, &stranger)?;
    let old = std::time::SystemTime::now() - Duration::from_secs(7_200);
    fs::File::options().write(true).open(&stranger)?.set_modified(old)?;
    let found = check(&[], 1)?;
    assert_eq!(
        (found["lost"].as_array().map(Vec::len), found["orphans"].as_array().map(Vec::len)),
        (Some(1), Some(1))
    );
    check(&["--mend"], 0)?;
    assert!(!stranger.exists());
    assert_eq!(check(&[], 0)?["orphans"], json!([]));
    let answer = service.http.get(&format!("/api/files/serve/{}", text(&file)))?;
    assert!(answer.status == 404 || answer.status == 410, "{}", answer.status);
    // Somebody finds a copy and puts it back.
    fs::rename(&copy, &lost)?;
    assert_eq!(check(&[], 1)?["found"].as_array().map(Vec::len), Some(1));
    service.http.get(&format!("/api/files/serve/{}", text(&file)))?.expect(410)?;
    check(&["--mend"], 0)?;
    assert_eq!(check(&[], 0)?["found"], json!([]));
    assert_eq!(service.bytes(&file)?, noise(12, 1_000));
    Ok(())
}

#[test]
fn a_draft_whose_relay_died_before_it_was_noted_is_found_and_removed() -> Result<()> {
    let mut service = service()?;
    let kept = service.session("kept", 3 * MIB)?;
    service.session("forgotten", 5 * MIB)?;
    service.relay.kill()?;
    let database = rusqlite::Connection::open(service.home.data().join("relay.sqlite"))?;
    assert_eq!(database.execute("DELETE FROM uploads WHERE name = 'forgotten'", [])?, 1);
    drop(database);
    let folder = service.home.data().join("blobs/.drafts");
    let old = std::time::SystemTime::now() - Duration::from_secs(7_200);
    for draft in files_in(&folder)? {
        fs::File::options().write(true).open(&draft)?.set_modified(old)?;
    }
    let said = |arguments: &[&str], rc: i32| -> Result<Value> {
        let answer = service.home.run(&[&["files"], arguments, &["--json"]].concat())?;
        Ok(serde_json::from_slice(answer.expect_code(rc)?.stdout())?)
    };
    assert_eq!(said(&["check"], 1)?["orphans"].as_array().map(Vec::len), Some(1));
    assert_eq!(said(&["clean", "--dry-run"], 0)?["drafts"], 1);
    assert_eq!(files_in(&folder)?.len(), 2, "a dry run removes nothing");
    assert_eq!(said(&["clean"], 0)?["drafts"], 1);
    assert_eq!(said(&["check"], 0)?["orphans"], json!([]));
    assert_eq!(files_in(&folder)?.len(), 1);
    // What somebody goes on with stays, however long ago that was.
    service.die_and_come_back()?;
    let bytes = noise(14, 3 * MIB);
    service.chunk(&kept["id"], 0, &bytes)?.expect(200)?;
    let done = service.act("complete", &kept["id"], &Value::Null)?.expect(200)?.json();
    assert!(service.bytes(&done["file"])? == bytes);
    Ok(())
}

#[test]
fn files_are_listed_renamed_and_attached() -> Result<()> {
    let service = service()?;
    let person = json!({ "schema": "user_profile.v1", "id": "p-1" }).to_string();
    service.http.send(
        "PUT",
        "/profiles/p-1",
        &[JSON, ("if-none-match", "*")],
        person.as_bytes(),
    )?;
    let mut files = Vec::new();
    for number in 0..5 {
        files.push(service.upload(&format!("report-{number}.csv"), &noise(20 + number, 100))?);
    }
    let names = |path: &str| -> Result<Vec<String>> {
        let page = service.http.get(path)?.expect(200)?.json();
        let files = page["files"].as_array().context("a page has files")?;
        Ok(files.iter().map(|file| text(&file["name"]).to_owned()).collect())
    };
    let (mut seen, mut path) = (Vec::new(), "/api/files?limit=2".to_owned());
    loop {
        let page = service.http.get(&path)?.expect(200)?.json();
        seen.extend(names(&path)?);
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/files?limit=2&cursor={next}");
    }
    assert_eq!(seen.len(), 5);
    assert_eq!(names("/api/files?name=T-3")?, ["report-3.csv"]);
    let place = format!("/api/files/{}", text(&files[3]));
    let change = json!({ "name": "../../neu ☃.csv" }).to_string();
    let renamed = service.http.send("PATCH", &place, &[JSON], change.as_bytes())?.expect(200)?;
    assert_eq!(renamed.json()["name"], "../../neu ☃.csv");
    let attached = format!("{place}/profiles/p-1");
    service.http.send("PUT", &attached, &[], &[])?.expect(204)?;
    service.http.send("PUT", &attached, &[], &[])?.expect(204)?;
    assert_eq!(names("/api/files?profile=p-1")?, ["../../neu ☃.csv"]);
    assert_eq!(service.http.get(&place)?.json()["profiles"], json!(["p-1"]));
    assert_eq!(service.http.send("PUT", &format!("{place}/profiles/p-2"), &[], &[])?.status, 404);
    service.http.send("DELETE", &attached, &[], &[])?.expect(204)?;
    assert!(names("/api/files?profile=p-1")?.is_empty());
    Ok(())
}

#[test]
fn an_uploaded_file_is_imported_where_it_lies() -> Result<()> {
    let service = service()?;
    let lines: String = (0..3_000)
        .map(|n| json!({ "schema": "user_profile.v1", "id": format!("p-{n}") }).to_string() + "\n")
        .collect();
    let body = kartei_test_support::gzipped(lines.as_bytes())?;
    let file = service.upload("people.ndjson.gz", &body)?;
    let path = format!("/api/files/{}/import", text(&file));
    let begun = service.http.send("POST", &path, &[], &[])?.expect(202)?;
    let place = begun.header("location").context("it says where to ask")?.to_owned();
    kartei_test_support::until(WITHIN, "the import ends", || {
        Ok(service.http.get(&place)?.json()["status"] == "completed")
    })?;
    assert_eq!(service.http.get(&place)?.json()["created"], 3_000);
    assert_eq!(service.http.get("/profiles/p-2999")?.status, 200);
    Ok(())
}

#[test]
fn administrators_see_who_read_a_file_until_that_is_forgotten() -> Result<()> {
    let service = service()?;
    let bytes = noise(40, 1_000);
    let (file, unread) = (service.upload("read.bin", &bytes)?, service.upload("unread.bin", b"1")?);
    let chef = Http::new(service.relay.url(), Some(&service.home.token("admin", "Chef")?));
    let reads = |file: &Value| chef.get(&format!("/admin/files/{}/reads", text(file)));
    assert_eq!(reads(&file)?.expect(200)?.json(), json!({"reads": []}));
    service.bytes(&file)?;
    let part = [("range", "bytes=10-19")];
    chef.send("GET", &format!("/api/files/serve/{}", text(&file)), &part, &[])?.expect(206)?;
    let told = reads(&file)?.expect(200)?.json();
    let told = told["reads"].as_array().context("reads")?;
    let told: Vec<_> =
        told.iter().map(|read| (text(&read["by"]), &read["from"], &read["to"])).collect();
    assert_eq!(told, [("Chef", &json!(10), &json!(20)), ("uploader", &json!(0), &json!(1_000))]);
    let newest = chef.get(&format!("/admin/files/{}/reads?limit=1", text(&file)))?.expect(200)?;
    assert_eq!(newest.json()["reads"].as_array().map(Vec::len), Some(1));
    assert_eq!(reads(&unread)?.expect(200)?.json(), json!({"reads": []}));
    assert_eq!(code(&reads(&json!("file-nobody"))?.expect(404)?), "unknown_file");
    // Another organisation's administrator is told what is told of no file.
    service.home.admin(&["org", "create", "Other"])?.expect_code(0)?;
    let make = ["token", "create", "--org", "Other", "--role", "admin", "--name", "Eve"];
    let other = service.home.admin(&make)?.expect_code(0)?.text();
    let other = Http::new(service.relay.url(), Some(other.trim()));
    other.get(&format!("/admin/files/{}/reads", text(&file)))?.expect(404)?;
    // What was deleted was read all the same.
    let place = format!("/api/files/{}", text(&file));
    service.http.send("DELETE", &place, &[], &[])?.expect(204)?;
    assert!(!reads(&file)?.expect(200)?.json()["reads"].as_array().context("reads")?.is_empty());
    let listed = service.home.run(&["files", "reads", text(&file), "--org", "Test"])?;
    let listed = listed.expect_code(0)?.text();
    assert!(listed.contains("bytes 10 to 20  Chef") && listed.lines().count() == 2, "{listed}");
    let swept = service.home.run(&["sweep", "--keep-reads-days", "0"])?.expect_code(0)?.text();
    assert!(swept.contains("2 reads of files"), "{swept}");
    reads(&file)?.expect(404)?;
    Ok(())
}
