//! Converts a file of records, and says how fast and with how much memory.
//!
//! `convert in.ndjson[.gz] out.(ndjson|ndjson.gz|csv|observations.csv|parquet)`: the records are
//! brought into canonical form on the way, unless the variable `CANONICAL` is set because they are.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use flate2::read::MultiGzDecoder;
use kartei_export::{Batch, Existing, Format, Options, Source, write_file};
use kartei_profile::{Record, RecordSchema};

/// Records a batch.
const BATCH: usize = 500;

struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead>,
    schema: Option<RecordSchema>,
}

fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let file = File::open(path)?;
    let is_gzip = path.extension().is_some_and(|extension| extension == "gz");
    Ok(if is_gzip {
        Box::new(BufReader::new(MultiGzDecoder::new(file)))
    } else {
        Box::new(BufReader::with_capacity(1 << 20, file))
    })
}

impl Source for Lines {
    type Error = io::Error;

    fn next(&mut self, batch: &mut Batch) -> Result<(), Self::Error> {
        let mut line = String::new();
        while batch.len() < BATCH && self.reader.read_line(&mut line)? > 0 {
            match &self.schema {
                Some(schema) => {
                    let accepted = Record::parse(schema, line.trim_end().as_bytes())
                        .map_err(|violation| io::Error::other(format!("{violation:?}")))?;
                    batch.push(accepted.record.text());
                }
                None => batch.push(line.trim_end_matches('\n')),
            }
            line.clear();
        }
        Ok(())
    }

    fn rewind(&mut self) -> Result<(), Self::Error> {
        self.reader = open(&self.path)?;
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [from, to] = &paths[..] else {
        return Err("expected a file to read and a file to write".into());
    };
    let name = to.to_string_lossy();
    let format = match () {
        () if name.ends_with(".observations.csv") => Format::CsvObservations,
        () => Format::ALL
            .into_iter()
            .find(|format| name.ends_with(&format!(".{}", format.extension())))
            .ok_or("no format has this ending")?,
    };
    let schema = std::env::var_os("CANONICAL").is_none().then(RecordSchema::user_profile_v1);
    let mut source = Lines { path: from.clone(), reader: open(from)?, schema };
    let began = Instant::now();
    let written =
        write_file(&mut source, &Options::new(format), to, Existing::Replace, &mut |_| {
            ControlFlow::Continue(())
        })?;
    let seconds = began.elapsed().as_secs_f64();
    let memory = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = memory.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM unknown");
    println!("{format:?}: {:?} in {seconds:.2} s, {peak}", written.summary);
    Ok(())
}
