//! An import over HTTP into Postgres, beside `COPY` of the same rows into the same table.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use kartei_test_support::{Http, Postgres, Stage};

use crate::Options;
use crate::figures::quantile;

/// An import of a hundred thousand profiles on a busy machine.
const WITHIN: Duration = Duration::from_secs(1_800);

/// Where `COPY` puts its copy: the table as it is, with its indexes.
const COPY_TABLE: &str = "CREATE TABLE kartei.copied (LIKE kartei.profiles INCLUDING ALL)";

pub(crate) fn run(options: &Options) -> Result<()> {
    let profiles = options.profiles.first().copied().unwrap_or(1_000);
    let body = std::fs::read(options.file()?)?;
    let (mut ours, mut copies) = (Vec::new(), Vec::new());
    for _ in 0..options.runs {
        // A fresh cluster each time, which waits for the disk as one that is used would.
        let cluster = Postgres::start(true)?;
        let stage = Stage::new()?;
        let database = cluster.database("import")?;
        let home = stage.relay_home_on(&database)?.logging_to(stage.path("relay.log"));
        let relay = home.start()?;
        let token = home.token("analyst", "Importer")?;
        let http = Http::patient(relay.url(), Some(&token), WITHIN);
        let headers = [("content-type", "application/x-ndjson"), ("content-encoding", "gzip")];
        let begun = Instant::now();
        http.send("POST", "/profiles/import", &headers, &body)?.expect(200)?;
        ours.push(begun.elapsed());
        let count = cluster.sql("import", "SELECT count(*) FROM kartei.profiles")?;
        ensure!(count == profiles.to_string(), "{count} of {profiles} profiles are there");

        let file = cluster.folder().join("rows");
        let file = file.display();
        cluster.sql("import", &format!("COPY kartei.profiles TO '{file}' (FORMAT binary)"))?;
        cluster.sql("import", COPY_TABLE)?;
        cluster.sql("import", "CHECKPOINT")?;
        let begun = Instant::now();
        cluster.sql("import", &format!("COPY kartei.copied FROM '{file}' (FORMAT binary)"))?;
        copies.push(begun.elapsed());
    }
    let (ours, copy) = (quantile(&ours, 0.5), quantile(&copies, 0.5));
    #[expect(clippy::cast_precision_loss, reason = "a rate to be shown")]
    let rate = |time: Duration| profiles as f64 / time.as_secs_f64();
    println!("\n### Import over HTTP into Postgres, beside `COPY`\n");
    println!("| {profiles} made profiles | s | profiles/s |");
    println!("|---|---:|---:|");
    println!("| `POST /profiles/import` | {:.2} | {:.0} |", ours.as_secs_f64(), rate(ours));
    println!(
        "| `COPY` of the same rows, binary, into the same table and indexes | {:.2} | {:.0} |",
        copy.as_secs_f64(),
        rate(copy)
    );
    println!(
        "\nMedians of {} runs on fresh clusters, in turn. The import takes {:.2} times as long (goal: at \
         most 2.5).",
        options.runs,
        ours.as_secs_f64() / copy.as_secs_f64()
    );
    Ok(())
}
