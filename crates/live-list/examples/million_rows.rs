//! The list of a million made profiles: how long it takes to build, what it takes in memory, and how
//! long pages take, also while rows change.
//! `cargo run --release -p kartei-live-list --example million_rows -- made-1000000-v1.ndjson.gz`
//! (a file that `cargo xtask bench` leaves; the records go into a temporary file, as if into a
//! database).

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use flate2::read::MultiGzDecoder;
use kartei_filter::{Expr, RecordFacts, Status, parse};
use kartei_live_list::{
    BringUpError, Change, Key, Limits, LiveList, Order, OrderKey, PageQuery, Row, RowSource,
};
use kartei_profile::{Record, RecordSchema};

type Outcome<T> = Result<T, Box<dyn Error>>;

const THREADS: usize = 2;
const BATCH: usize = 1_000;
const RUNS: usize = 60;
const PAGE: usize = 100;

/// Records in a file, at known places; a key is a place in it.
struct Records {
    file: File,
    path: PathBuf,
    /// Where each record begins, and where the last one ends.
    starts: Vec<u64>,
    revs: Vec<u64>,
    rev: u64,
    asked: usize,
}

impl Drop for Records {
    fn drop(&mut self) {
        let _left = std::fs::remove_file(&self.path);
    }
}

impl RowSource for Records {
    type Error = std::io::Error;

    fn texts(&mut self, keys: &[Key], found: &mut dyn FnMut(Key, &str)) -> std::io::Result<()> {
        self.asked += keys.len();
        for key in keys {
            found(*key, &self.text(*key)?);
        }
        Ok(())
    }
}

impl Records {
    fn from_lines(path: &str) -> Outcome<Self> {
        let schema = RecordSchema::user_profile_v1();
        let own = std::env::temp_dir().join(format!("live-list-{}.ndjson", std::process::id()));
        let file = File::options().read(true).write(true).create_new(true).open(&own)?;
        let mut out = BufWriter::new(file.try_clone()?);
        let (mut starts, mut end) = (vec![0], 0);
        for line in BufReader::new(MultiGzDecoder::new(File::open(path)?)).split(b'\n') {
            let text = Record::parse(&schema, &line?)?.record.into_texts().1;
            out.write_all(text.as_bytes())?;
            end += text.len() as u64;
            starts.push(end);
        }
        out.flush()?;
        let count = starts.len() - 1;
        let revs = (1..=count as u64).collect();
        Ok(Self { file, path: own, starts, revs, rev: count as u64, asked: 0 })
    }

    fn len(&self) -> usize {
        self.revs.len()
    }

    fn text(&self, key: Key) -> std::io::Result<String> {
        let at = usize::try_from(key).map_err(std::io::Error::other)?;
        let (start, end) = (self.starts[at], self.starts[at + 1]);
        let mut text = vec![0; usize::try_from(end - start).map_err(std::io::Error::other)?];
        self.file.read_exact_at(&mut text, start)?;
        String::from_utf8(text).map_err(std::io::Error::other)
    }

    fn row(&self, at: usize) -> Outcome<Row> {
        let key = Key::try_from(at)?;
        Ok(Row {
            key,
            id: format!("made-{at:07}"),
            text: self.text(key)?,
            conflicts: u32::from(at.is_multiple_of(997)),
            changed_at: i64::try_from(self.revs[at] % 700_001)? * 1_000,
            rev: self.revs[at],
        })
    }

    /// A row changes: a revision of its own.
    fn touch(&mut self, at: usize) -> Outcome<Change> {
        self.rev += 1;
        self.revs[at] = self.rev;
        Ok(Change::Put(self.row(at)?))
    }
}

/// A linear congruential generator (Knuth, MMIX), good enough to choose rows.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % bound
    }
}

/// Resident memory of this process in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    let kib = line.split_whitespace().nth(1).and_then(|kib| kib.parse::<usize>().ok());
    kib.unwrap_or_default() * 1_024
}

/// Processor time of all threads so far. The kernel counts it in hundredths of a second.
fn processor() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    Duration::from_millis(ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10)
}

fn print_times(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    println!("{what}: p50 {:.1?}, p99 {:.1?}, worst {:.1?}", at(50), at(99), at(100));
}

fn order(by: OrderKey, descending: bool) -> Order {
    Order { by, descending }
}

fn attribute(key: &str) -> OrderKey {
    OrderKey::Attribute(key.to_owned())
}

fn main() -> Outcome<()> {
    let path = std::env::args().nth(1).ok_or("name a file of made profiles")?;
    let mut records = Records::from_lines(&path)?;
    let count = records.len();
    println!("{count} profiles, {} bytes of record each", records.starts[count] / count as u64);
    let mut list = LiveList::new(Limits::default());
    build(&mut list, &records)?;
    pages(&mut list, &mut records)?;
    deep(&mut list, &mut records)?;
    updates(&mut list, &mut records)?;
    churn(&mut list, &mut records)?;
    check(&mut list, &mut records)
}

fn build(list: &mut LiveList, records: &Records) -> Outcome<()> {
    let (before, worked) = (resident(), processor());
    let (start, mut reading) = (Instant::now(), Duration::ZERO);
    let count = records.len();
    let batches = (0..count).step_by(BATCH).map(|first| {
        let start = Instant::now();
        let batch = (first..count.min(first + BATCH)).map(|at| records.row(at).map(Change::Put));
        let batch = batch.collect::<Outcome<Vec<_>>>().map_err(Failed::Rows);
        reading += start.elapsed();
        batch
    });
    list.bring_up_on(THREADS, batches, records.rev)?;
    let took = start.elapsed();
    let worked = processor().saturating_sub(worked);
    println!(
        "built in {took:.1?} on {THREADS} threads ({worked:.1?} of processor time; \
         {reading:.1?} went by reading rows)"
    );
    print_memory("after building", list, before);
    Ok(())
}

fn print_memory(when: &str, list: &LiveList, before: usize) {
    println!(
        "{when}: {} bytes per profile counted, {} resident",
        list.bytes() / list.len(),
        resident().saturating_sub(before) / list.len()
    );
}

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("rows: {0}")]
    Rows(Box<dyn Error>),
    #[error(transparent)]
    BringUp(#[from] BringUpError),
}

/// First pages; each run has another filter, so that no selection is remembered.
fn pages(list: &mut LiveList, records: &mut Records) -> Outcome<()> {
    let cases = [
        ("orders>=N", order(OrderKey::Id, false)),
        ("orders>=N", order(attribute("revenue"), true)),
        ("city:Lyon revenue>N", order(OrderKey::Name, false)),
        ("tag:b2b -tag:beta observations>3 revenue>N", order(OrderKey::Changed, true)),
        ("observed:order_value>N", order(OrderKey::LastObservation, true)),
        ("observed:order_value=N", order(OrderKey::Id, false)),
        ("delivery phone revenue>N", order(attribute("city"), false)),
        ("status:conflict revenue>N", order(OrderKey::Observations, true)),
        ("\"delivery phone\" city:Lyon revenue>N", order(OrderKey::Id, false)),
        ("id:made-0N*", order(OrderKey::Id, false)),
    ];
    for (filter, order) in &cases {
        let (mut times, mut matching, asked) = (Vec::new(), 0, records.asked);
        for run in 0..RUNS {
            let expr = parse(&filter.replace('N', &run.to_string()))?;
            let query = PageQuery { filter: Some(&expr), order, after: None, limit: PAGE };
            let start = Instant::now();
            matching = list.page(&query, records)?.matching;
            times.push(start.elapsed());
        }
        let asked = (records.asked - asked) / RUNS;
        let what =
            format!("first page of {filter} by {:?} ({matching} match, {asked} read)", order.by);
        print_times(&what, times);
    }
    let start = Instant::now();
    let keys = list.keys(Some(&parse("city:Lyon")?), records)?.keys.len();
    println!("keys of city:Lyon for an export: {keys} in {:.1?}", start.elapsed());
    let start = Instant::now();
    let keys = list.keys(None, records)?.keys.len();
    println!("keys of all for an export: {keys} in {:.1?}", start.elapsed());
    Ok(())
}

/// Page after page.
fn deep(list: &mut LiveList, records: &mut Records) -> Outcome<()> {
    let expr = parse("orders>=10")?;
    for (what, filter) in [("all", None), ("orders>=10", Some(&expr))] {
        for by in [OrderKey::Id, OrderKey::Name, attribute("revenue")] {
            let order = order(by, false);
            let (mut times, mut after) = (Vec::new(), None);
            for _ in 0..200 {
                let start = Instant::now();
                let query =
                    PageQuery { filter, order: &order, after: after.as_deref(), limit: PAGE };
                after = list.page(&query, records)?.next;
                times.push(start.elapsed());
            }
            print_times(&format!("200 pages of {what} by {:?}", order.by), times);
        }
    }
    Ok(())
}

/// One row changes, then a page is read.
fn updates(list: &mut LiveList, records: &mut Records) -> Outcome<()> {
    let expr = parse("city:Lyon orders>=10")?;
    let mut random = Random(5);
    for (what, filter, by) in [
        ("all by id", None, OrderKey::Id),
        ("all by revenue", None, attribute("revenue")),
        ("city:Lyon orders>=10 by revenue", Some(&expr), attribute("revenue")),
    ] {
        let order = order(by, true);
        let (mut bringing, mut times) = (Vec::new(), Vec::new());
        for _ in 0..RUNS * 5 {
            let change = records.touch(random.below(records.len()))?;
            let start = Instant::now();
            list.bring_up([change], records.rev)?;
            bringing.push(start.elapsed());
            let query = PageQuery { filter, order: &order, after: None, limit: PAGE };
            list.page(&query, records)?;
            times.push(start.elapsed());
        }
        print_times("bringing up one row", bringing);
        print_times(&format!("one row, then a page of {what}"), times);
    }
    Ok(())
}

/// A third of the rows change, some at a time; worn rows are given again.
fn churn(list: &mut LiveList, records: &mut Records) -> Outcome<()> {
    let (mut random, mut renewed) = (Random(9), 0);
    let (start, mut spent) = (Instant::now(), Duration::ZERO);
    let rows = records.len() / 3;
    for first in (0..rows).step_by(100) {
        let many =
            (first..rows.min(first + 100)).map(|_| records.touch(random.below(records.len())));
        let changes = many.collect::<Outcome<Vec<_>>>()?;
        let begun = Instant::now();
        list.bring_up(changes, records.rev)?;
        let worn = list.worn(BATCH);
        renewed += worn.len();
        spent += begun.elapsed();
        let again = worn.into_iter().map(|key| records.row(usize::try_from(key)?).map(Change::Put));
        let again = again.collect::<Outcome<Vec<_>>>()?;
        let begun = Instant::now();
        list.bring_up(again, records.rev)?;
        spent += begun.elapsed();
    }
    println!("{rows} rows changed, {renewed} given again: {spent:.1?} of {:.1?}", start.elapsed());
    print_memory("after that", list, 0);
    Ok(())
}

/// What the list says is what the plain records say.
fn check(list: &mut LiveList, records: &mut Records) -> Outcome<()> {
    let filters =
        ["city:Lyon orders>=10", "\"delivery phone\" tag:b2b", "changed<1970-01-01T01:00:00Z"];
    let filters = filters.iter().map(|text| parse(text)).collect::<Result<Vec<Expr>, _>>()?;
    let (mut facts, mut expected) = (RecordFacts::default(), vec![Vec::new(); filters.len()]);
    for at in 0..records.len() {
        let row = records.row(at)?;
        facts.tell(&Record::from_stored(&row.text)?);
        let status = if row.conflicts > 0 { Status::Conflict } else { Status::Synced };
        facts.stand(status, row.changed_at);
        for (filter, expected) in filters.iter().zip(&mut expected) {
            if facts.matches(filter) {
                expected.push(row.key);
            }
        }
    }
    for (filter, expected) in filters.iter().zip(expected) {
        let start = Instant::now();
        let keys = list.keys(Some(filter), records)?.keys;
        let verdict = if keys == expected { "as plain records say" } else { "WRONG" };
        println!("{filter}: {} in {:.1?}, {verdict}", keys.len(), start.elapsed());
    }
    Ok(())
}
