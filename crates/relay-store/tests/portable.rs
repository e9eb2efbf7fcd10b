//! All rows go from one engine to the other and back, whatever they are, and what is not whole is not opened.

use std::collections::HashSet;
use std::io::Cursor;
use std::path::Path;

use anyhow::{Result, ensure};
use kartei_relay_store::{
    Beside, DatabaseCopy, DumpedRows, Place, PortableSource, PortableTable, RelayStore,
};
use kartei_test_support::Postgres;
use rusqlite::Connection;

/// A row in each table, twice; `ORG` is the organisation, `KEY` a number of its own.
const ROWS: &str = "
INSERT INTO organisations (id, name, epoch, head_rev, created_at, erasure_key) VALUES (ORG, 'O-ORG', 'e-ORG', 7, 1, x'00ff');
INSERT INTO tokens (id, org, name, role, hash, created_at) VALUES (KEY, ORG, 'Ann', 'admin', x'0KEY', 1);
INSERT INTO profiles (pk, org, id, rev, genesis, genesis_rev, hash, conflicts, record, changed_at, deleted) VALUES
    (KEY, ORG, 'Ä-1', 5, x'01', 1, x'02', 3, '{\"ü\":\"\\u0000\"}', 9, 1), (KEY + 1, ORG, 'a-2', 6, x'01', 1, x'', 0, '{}', 9, 0);
INSERT INTO documents VALUES (KEY, x'0a0b');
INSERT INTO changes VALUES (KEY, KEY, 5, x'01', x'02', NULL), (KEY + 1, KEY, 5, x'03', x'', 'Ben');
INSERT INTO imports (id, org, by, mode, dry_run, digest, bytes, started_at, status) VALUES
    ('i-ORG', ORG, 'Ann', 'merge', 1, x'01', 4611686018427387904, 1, 200), ('Ä-ORG', ORG, 'Ann', 'merge', 0, x'01', 3, 1, NULL);
INSERT INTO segments VALUES (ORG, 1, 1, 'e', 0, 5, x'01', 9, 1, 'segments/x', 1, NULL);
INSERT INTO erasures (org, rev, profile, hash, at, by) VALUES (ORG, 4, 900 + ORG, x'04', 1, 'Ann');
INSERT INTO erasure_confirmations VALUES (ORG, 4, KEY, 2);
INSERT INTO digests VALUES (ORG, 255, 1, 2, 3, 4294967295);
INSERT INTO usage (org, used) VALUES (ORG, 5);
INSERT INTO uploads (pk, id, org, token, by, door, name, reserved, phase, blob, draft, place, piece_bytes, wrapped_key, created_at, touched_at, expires_at)
    VALUES (KEY, 'u-ORG', ORG, KEY, 'Ann', 'tus', 'n', 1, 'open', 'b', 1, 'p', 5, x'', 1, 1, 1);
INSERT INTO landed VALUES (KEY, 0, 5, x'01', NULL);
INSERT INTO contents (id, org, digest, size, blob, wrapped_key, refs, scan, created_at) VALUES (KEY, ORG, x'01', 5, 'files/b-ORG', x'01', 1, 'clean', 1);
INSERT INTO files VALUES (KEY, 'f-ORG', ORG, 'n', 'n', 'text/plain', KEY, 1, 'Ann');
INSERT INTO attachments VALUES (KEY, KEY, 1);
INSERT INTO file_reads VALUES (KEY, ORG, 'f', KEY, 1, 0, 5);
INSERT INTO job_queues (org) VALUES (ORG);
INSERT INTO job_pauses VALUES (ORG, 'quality', 1);
INSERT INTO jobs (pk, id, org, token, by, request, analysis, params, state, attempts_max, event_seq, due_at, deadline_ms, created_at)
    VALUES (KEY, 'j-ORG', ORG, KEY, 'Ann', x'01', 'quality', '{}', 'completed', 3, 1, 1, 1, 1);
INSERT INTO job_events VALUES (KEY, 1, ORG, 'created', NULL, 'queued', 'Ann', 1, NULL);
INSERT INTO job_partials VALUES (KEY, ORG, '{}', NULL, 1);
INSERT INTO job_results VALUES (KEY, 'r-ORG', ORG, KEY, NULL, 'results/r-ORG', 5, x'01', 1);
INSERT INTO notifications (pk, org, person, key, kind, created_at) VALUES (KEY, ORG, 'Ann', 'k', 'job', 1);
INSERT INTO audit_events VALUES (ORG, 1, 1, 'Ann', 'a', 's', NULL, x'01'), (ORG, 2, 1, 'Ann', 'a', 's', '{}', x'02');
INSERT INTO audit_heads VALUES (ORG, 2, x'02');
INSERT INTO retention_policies (org, results_days) VALUES (ORG, NULL);
INSERT INTO retention_runs (pk, id, org, by, plan, as_of, at, restore_until) VALUES (KEY, 'rr-ORG', ORG, 'Ann', x'01', 1, 1, 1);
INSERT INTO retention_blobs VALUES (ORG, 'results/x');
INSERT INTO webhooks VALUES (ORG, 'https://example.org', x'01', 'Ann', 1);
INSERT INTO deliveries (pk, org, person, key, channel, state, kind, told_at, due_at, created_at)
    VALUES (KEY, ORG, 'Ann', 'k', 'webhook', 'pending', 'job', 1, 1, 1);
INSERT INTO calibrations VALUES (ORG, 'v', 's', 1, 1, 5, 'active', '{}', '{}', 'Ann', 1, 'Ann', 1, 'u', '[]');
";

fn filled(folder: &Path) -> Result<()> {
    drop(RelayStore::open(folder)?);
    let db = Connection::open(folder.join("relay.sqlite"))?;
    for (org, key) in [("1", "10"), ("2", "20")] {
        db.execute_batch(
            &ROWS.replace("ORG", org).replace("x'0KEY'", &format!("x'{key}'")).replace("KEY", key),
        )?;
    }
    // More than a page of an organisation.
    db.execute_batch(
        "WITH RECURSIVE n (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 1099) \
         INSERT INTO file_reads SELECT i, 1 + i % 2, 'f', 10, 1, 0, 5 FROM n",
    )?;
    Ok(())
}

fn moved(from: Place<'_>, to: Place<'_>) -> Result<Vec<PortableTable>> {
    Ok(PortableSource::open(from, Beside::Nobody)?.move_to(to, &mut |_, _| {})?)
}

#[test]
fn every_table_goes_to_postgres_and_back_with_equal_digests() -> Result<()> {
    let cluster = Postgres::start(false)?;
    let database = cluster.database("there")?;
    let (first, last) = (tempfile::tempdir()?, tempfile::tempdir()?);
    filled(first.path())?;
    let source = Place::Folder(first.path());
    let was = PortableSource::open(source, Beside::Nobody)?.tally()?;
    for table in &was {
        ensure!(table.rows >= 2, "{} has no rows of both organisations", table.name);
    }
    ensure!(was.iter().any(|table| table.name == "file_reads" && table.rows == 1_002));

    let url = &database.owner_url;
    RelayStore::look_portable(url)?;
    RelayStore::begin_portable(url, Some(&database.relay_role))?;
    let refused = RelayStore::connect(&database.relay_url).unwrap_err().to_string();
    ensure!(refused.contains("has not ended"), "{refused}");
    // Whoever was killed here begins anew.
    RelayStore::begin_portable(url, Some(&database.relay_role))?;
    ensure!(moved(source, Place::Postgres(url))? == was);
    for refused in [RelayStore::begin_portable(url, None), RelayStore::look_portable(url)] {
        ensure!(refused.unwrap_err().to_string().contains("already"));
    }

    // The relay's own role reads all of it.
    let there = Place::Postgres(&database.relay_url);
    ensure!(PortableSource::open(there, Beside::Others)?.tally()? == was);
    let mut named = PortableSource::open(there, Beside::Others)?;
    ensure!(named.blobs()? == ["files/b-1", "files/b-2", "results/r-1", "results/r-2"]);
    drop(named);
    ensure!(moved(there, Place::Folder(last.path()))? == was);
    let back = Place::Folder(last.path());
    ensure!(PortableSource::open(back, Beside::Nobody)?.tally()? == was);

    // Keys go on behind the largest, those of erased profiles among them.
    let next = "SELECT nextval(pg_get_serial_sequence('kartei.profiles', 'pk'))";
    ensure!(cluster.sql("there", next)? == "903");
    let store = RelayStore::connect(&database.relay_url)?;
    store.create_organisation("New", 1)?;
    ensure!(cluster.sql("there", "SELECT max(id) FROM kartei.organisations")? == "3");
    let refused = PortableSource::open(there, Beside::Nobody).unwrap_err().to_string();
    ensure!(refused.contains("end the relays"), "{refused}");
    drop(store);

    cluster.sql("there", "CREATE TABLE kartei.afterthought (org bigint)")?;
    let refused = PortableSource::open(Place::Postgres(url), Beside::Others).unwrap_err();
    ensure!(refused.to_string().contains("afterthought"), "{refused}");
    Ok(())
}

/// All parts of a database's rows, and what they are.
fn dumped(from: Place<'_>) -> Result<(Vec<Vec<u8>>, DatabaseCopy, DumpedRows)> {
    let mut parts = Vec::new();
    let (copy, rows) = PortableSource::open(from, Beside::Others)?.dump(&mut |part| {
        parts.push(part);
        true
    })?;
    Ok((parts, copy, rows))
}

#[test]
fn rows_of_either_engine_are_the_same_bytes_and_make_the_database_again() -> Result<()> {
    let cluster = Postgres::start(false)?;
    let database = cluster.database("dumped")?;
    let first = tempfile::tempdir()?;
    filled(first.path())?;
    let source = Place::Folder(first.path());
    RelayStore::begin_portable(&database.owner_url, Some(&database.relay_role))?;
    moved(source, Place::Postgres(&database.owner_url))?;
    // As the relay's own role, beside a relay.
    let store = RelayStore::connect(&database.relay_url)?;
    let (parts, copy, rows) = dumped(Place::Postgres(&database.relay_url))?;
    ensure!(dumped(source)? == (parts.clone(), copy.clone(), rows.clone()));
    drop(store);
    ensure!(copy.blobs == ["files/b-1", "files/b-2", "results/r-1", "results/r-2"]);
    let standing = |one: &kartei_relay_store::CopiedOrganisation| (one.name.clone(), one.head_rev);
    let standings: Vec<_> = copy.organisations.iter().map(standing).collect();
    ensure!(standings == [("O-1".to_owned(), 7), ("O-2".to_owned(), 7)]);

    let bytes = parts.concat();
    let restore = |rows: &DumpedRows, bytes: &[u8]| -> Result<Vec<PortableTable>> {
        let folder = tempfile::tempdir()?;
        RelayStore::restore_rows(folder.path(), copy.format, rows, &mut Cursor::new(bytes))?;
        Ok(PortableSource::open(Place::Folder(folder.path()), Beside::Nobody)?.tally()?)
    };
    ensure!(restore(&rows, &bytes)? == PortableSource::open(source, Beside::Nobody)?.tally()?);

    // Whatever is not what was told is refused.
    let refusal = |rows: &DumpedRows, bytes: &[u8]| match restore(rows, bytes) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    };
    for end in [0, 1, 500, bytes.len() / 2, bytes.len() - 1] {
        let refused = refusal(&rows, bytes.get(..end).unwrap_or_default());
        ensure!(refused.contains("the rows of"), "{end}: {refused}");
    }
    ensure!(refusal(&rows, &[&bytes[..], b"x"].concat()).contains("more rows"));
    let text = bytes.windows(10).position(|bytes| bytes == b"text/plain").unwrap_or_default();
    let mut other = bytes.clone();
    other[text] = b'T';
    ensure!(refusal(&rows, &other).contains("not what was backed up"));
    let mut renamed = rows.clone();
    renamed.tables[3].columns[0].push('2');
    ensure!(refusal(&renamed, &bytes).contains("other columns"));
    renamed.tables[3].name.push('2');
    ensure!(refusal(&renamed, &bytes).contains("nobody knows"));
    let error = PortableSource::open(source, Beside::Nobody)?.dump(&mut |_| false).unwrap_err();
    ensure!(error.to_string().contains("nobody takes"), "{error}");
    Ok(())
}

#[test]
fn one_changed_row_changes_one_part_and_one_more_moves_none() -> Result<()> {
    let folder = tempfile::tempdir()?;
    filled(folder.path())?;
    let db = Connection::open(folder.path().join("relay.sqlite"))?;
    // Rows of some hundred bytes, and one that is larger than a part may be.
    db.execute_batch(
        "WITH RECURSIVE n (i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 8999) \
         INSERT INTO notifications (pk, org, person, key, kind, created_at) \
         SELECT i, 1, hex(randomblob(100)), 'k' || i, 'job', 1 FROM n; \
         UPDATE notifications SET person = hex(zeroblob(1500000)) WHERE pk = 3000",
    )?;
    let place = Place::Folder(folder.path());
    let (before, ..) = dumped(place)?;
    ensure!(before.iter().all(|part| part.len() < 5_000_000), "a part is held in memory");
    let known: HashSet<Vec<u8>> = before.into_iter().collect();
    for change in [
        "UPDATE notifications SET kind = 'longer than it was' WHERE pk = 5000",
        "INSERT INTO notifications (pk, org, person, key, kind, created_at) VALUES (999, 1, 'P', 'K', 'job', 1)",
    ] {
        db.execute_batch(&format!("SAVEPOINT change; {change}; RELEASE change"))?;
        let (after, ..) = dumped(place)?;
        let new = after.iter().filter(|part| !known.contains(*part)).count();
        // The first change is in the second dump as well.
        ensure!((1..=2).contains(&new) && after.len() > 10, "{new} of {}", after.len());
    }
    Ok(())
}
