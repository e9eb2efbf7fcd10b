//! A million synthetic profiles: what building their columns costs, how large they are, and how
//! long lists take.
//! `cargo run --release -p kartei-index --example million [profiles]`

#![expect(clippy::cast_possible_truncation, reason = "numbers are small here")]

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::time::{Duration, Instant};

use kartei_filter::{Comparison, Expr, Operand, Pattern, Status, Term, Word};
use kartei_index::{Catalog, ChunkBuilder, From, Key, Keys, Order, OrderKey, Source};
use kartei_profile::Scalar;

const CHUNK_ROWS: usize = 800;
const RUNS: usize = 100;
const EDITS: usize = 50;

/// Columns as a store would have them.
#[derive(Default)]
struct Store(HashMap<String, BTreeMap<i64, Vec<u8>>>);

impl Source for Store {
    type Error = Infallible;

    fn columns(&mut self, name: &str, chunks: &[i64]) -> Result<Vec<Option<Vec<u8>>>, Infallible> {
        let column = self.0.get(name);
        Ok(chunks
            .iter()
            .map(|chunk| column.and_then(|bodies| bodies.get(chunk).cloned()))
            .collect())
    }

    fn with_status(&mut self, status: Status) -> Result<Vec<Key>, Infallible> {
        Ok(if status == Status::Conflict {
            (0..1_000).map(|n| n * 7).collect()
        } else {
            Vec::new()
        })
    }

    fn holds(&mut self, key: Key, _: &Term) -> Result<bool, Infallible> {
        Ok(key % 2 == 0)
    }
}

/// A linear congruential generator (Knuth, MMIX), good enough for test data.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

struct Profile {
    id: String,
    name: String,
    tags: [u64; 3],
    age: u64,
    numbers: [String; 3],
    city: u64,
    score: f64,
    visits: u64,
    observations: Vec<(u64, f64, i64)>,
    notes: String,
}

fn word(number: u64) -> String {
    const SYLLABLES: [&str; 10] =
        ["ba", "den", "kir", "lo", "mas", "ne", "por", "ru", "sti", "tal"];
    let mut text = String::new();
    let mut left = number + 10;
    while left > 0 {
        text.push_str(SYLLABLES[(left % 10) as usize]);
        left /= 10;
    }
    text
}

fn profile(number: usize, random: &mut Random) -> Profile {
    let observations = 4 + random.below(22);
    let (age, visits) = (18 + random.below(70), random.below(500));
    let score = random.below(10_000) as f64 / 100.0;
    Profile {
        numbers: [age.to_string(), score.to_string(), visits.to_string()],
        id: format!("user-{number:07}"),
        name: format!("{} {}", capital(random.below(200)), capital(300 + random.below(2_000))),
        tags: [random.below(50), random.below(50), random.below(50)],
        age,
        city: random.below(40),
        score,
        visits,
        observations: (0..observations)
            .map(|_| {
                let at = 1_700_000_000_000 + (random.below(31_536_000) * 1_000) as i64;
                (random.below(25), random.below(20_000) as f64 / 100.0, at)
            })
            .collect(),
        notes: (0..6).map(|_| word(random.below(5_000))).collect::<Vec<_>>().join(" "),
    }
}

fn capital(number: u64) -> String {
    let text = word(number);
    text[..1].to_uppercase() + &text[1..]
}

struct Texts {
    tags: Vec<String>,
    cities: Vec<String>,
    signals: Vec<String>,
}

fn add(builder: &mut ChunkBuilder, profile: &Profile, texts: &Texts) {
    builder.begin(&profile.id);
    builder.attribute("age", Scalar::Number(profile.age as f64, &profile.numbers[0]));
    builder.attribute("city", Scalar::Text(&texts.cities[profile.city as usize]));
    builder.attribute("score", Scalar::Number(profile.score, &profile.numbers[1]));
    builder.attribute("vip", Scalar::Bool(profile.age.is_multiple_of(3)));
    builder.attribute("visits", Scalar::Number(profile.visits as f64, &profile.numbers[2]));
    builder.name(&profile.name);
    builder.notes(&profile.notes);
    for (signal, value, at) in &profile.observations {
        builder.observation(&texts.signals[*signal as usize], *value, *at);
    }
    for tag in profile.tags {
        builder.tag(&texts.tags[tag as usize]);
    }
    builder.end();
}

fn measure(name: &str, mut work: impl FnMut() -> String) {
    let start = Instant::now();
    let result = work();
    let cold = start.elapsed();
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    let (median, late) = (times[RUNS / 2], times[RUNS * 99 / 100]);
    println!("{name:<44} first {cold:>10.2?}  median {median:>10.2?}  p99 {late:>10.2?}  {result}");
}

fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or("unknown").to_owned()
}

fn main() {
    let count = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let texts = Texts {
        tags: (0..50).map(|n| word(7_000 + n)).collect(),
        cities: (0..40).map(|n| capital(9_000 + n)).collect(),
        signals: (0..25).map(|n| format!("signal_{}", word(n))).collect(),
    };
    let mut random = Random(1);
    let mut builder = ChunkBuilder::default();
    let mut store = Store::default();
    let mut catalog = Catalog::new(256 << 20);
    let (mut added, mut spent) = (Duration::ZERO, Duration::ZERO);
    let mut sizes: BTreeMap<String, usize> = BTreeMap::new();
    for (chunk, first) in (0..count).step_by(CHUNK_ROWS).enumerate() {
        let rows = CHUNK_ROWS.min(count - first);
        let profiles: Vec<_> =
            (first..first + rows).map(|number| profile(number, &mut random)).collect();
        let start = Instant::now();
        profiles.iter().for_each(|profile| add(&mut builder, profile, &texts));
        added += start.elapsed();
        let columns = builder.finish();
        spent += start.elapsed();
        for (name, body) in columns {
            let group = if name.starts_with("s:") { "s:*".to_owned() } else { name.clone() };
            *sizes.entry(group).or_default() += body.len();
            store.0.entry(name).or_default().insert(chunk as i64, body);
        }
        let keys = Keys::Run { first: first as i64, count: rows as u32 };
        catalog.add_chunk(chunk as i64, keys, chunk as i64 * 1_000);
    }
    let each = |time: Duration| time / count as u32;
    println!("building: {:?} per profile, {:?} of it adding", each(spent), each(added));
    let total: usize = sizes.values().sum();
    for (name, size) in &sizes {
        println!("  {name:<14} {:>7.2} bytes per profile", *size as f64 / count as f64);
    }
    println!("  {:<14} {:>7.2} bytes per profile", "total", total as f64 / count as f64);
    selects(&mut catalog, &mut store, &texts);
    pages(&mut catalog, &mut store);
    edits(&mut catalog, &mut store, &texts, count);
    println!("columns in memory: {:.1} MB", catalog.memory() as f64 / 1e6);
    store.0.clear();
    println!("resident without the store: {}", resident());
}

fn words(words: &[(&str, bool)], phrase: bool) -> Expr {
    let word = |(text, prefix): &(&str, bool)| Word { text: (*text).to_owned(), prefix: *prefix };
    Expr::Term(Term::Words { words: words.iter().map(word).collect(), phrase })
}

fn attribute(key: &str, comparison: Comparison, operand: Operand) -> Expr {
    Expr::Term(Term::Attribute { key: key.to_owned(), comparison, operand })
}

fn exact(text: &str) -> Pattern {
    Pattern::Exact(text.to_owned())
}

fn selects(catalog: &mut Catalog, store: &mut Store, texts: &Texts) {
    let tag = |n: usize| Expr::Term(Term::Tag(exact(&texts.tags[n])));
    let signal = texts.signals[3].clone();
    let over = Term::Observed { signal: signal.clone(), test: Some((Comparison::Greater, 100.0)) };
    let equal = Term::Observed { signal: signal.clone(), test: Some((Comparison::Equal, 100.0)) };
    let age = attribute("age", Comparison::GreaterOrEqual, Operand::Number(40.0));
    let score = attribute("score", Comparison::Less, Operand::Number(12.5));
    let city = attribute("city", Comparison::Equal, Operand::Text(exact(&texts.cities[5])));
    let wild = |first: &str| Pattern::Wild(vec![first.to_owned(), String::new()]);
    let contains = |part: &str| Pattern::Wild(vec![String::new(), part.to_owned(), String::new()]);
    let three = vec![tag(1), age.clone(), Expr::Term(over.clone())];
    let cases = [
        ("all", Expr::All(Vec::new())),
        ("tag", tag(1)),
        ("tag wild", Expr::Term(Term::Tag(wild("ba")))),
        ("age >= 40", age.clone()),
        ("score < 12.5", score),
        ("city = ...", city.clone()),
        ("has age", Expr::Term(Term::Has("age".to_owned()))),
        ("observed", Expr::Term(Term::Observed { signal, test: None })),
        ("observed > 100", Expr::Term(over)),
        ("observed = 100", Expr::Term(equal)),
        ("after", Expr::Term(Term::After(1_715_000_000_000))),
        ("before", Expr::Term(Term::Before(1_715_000_000_000))),
        ("changed", Expr::Term(Term::Changed(Comparison::Less, 500_000))),
        ("observations >= 20", Expr::Term(Term::Observations(Comparison::GreaterOrEqual, 20.0))),
        ("status conflict", Expr::Term(Term::Status(Status::Conflict))),
        ("id exact", Expr::Term(Term::Id(exact("user-0123456")))),
        ("id prefix", Expr::Term(Term::Id(wild("user-01")))),
        ("name contains", Expr::Term(Term::Name(contains("dental")))),
        ("word", words(&[(&word(777), false)], false)),
        ("two words", words(&[(&word(777), false), (&word(3_000), false)], false)),
        ("prefix b*", words(&[("b", true)], false)),
        ("prefix taltal*", words(&[("taltal", true)], false)),
        ("id as word", words(&[("0123456", false)], false)),
        ("tag and age and observed", Expr::All(three.clone())),
        ("not any of them", Expr::Not(Box::new(Expr::Any(three)))),
    ];
    for (name, expr) in cases {
        let mut turn = 0;
        // Wrapped ever deeper, so that no selection is remembered; that costs nothing else.
        measure(&format!("select {name}"), || {
            turn += 1;
            let expr = (0..turn % 10).fold(expr.clone(), |expr, _| Expr::All(vec![expr]));
            catalog.select(&expr, store).map_or(String::new(), |found| found.count().to_string())
        });
    }
    for (name, result) in [
        ("tags", catalog.tags(store).map(|names| names.len())),
        ("attributes", catalog.attributes(store).map(|names| names.len())),
        ("signals", catalog.signals(store).map(|names| names.len())),
    ] {
        println!("{name}: {result:?}");
    }
}

fn orders() -> Vec<(&'static str, OrderKey)> {
    vec![
        ("id", OrderKey::Id),
        ("name", OrderKey::Name),
        ("changed", OrderKey::Changed),
        ("observations", OrderKey::Observations),
        ("last observation", OrderKey::LastObservation),
        ("age", OrderKey::Attribute("age".to_owned())),
        ("city", OrderKey::Attribute("city".to_owned())),
        ("score", OrderKey::Attribute("score".to_owned())),
    ]
}

fn pages(catalog: &mut Catalog, store: &mut Store) {
    let Ok(all) = catalog.select(&Expr::All(Vec::new()), store) else { return };
    let young = attribute("age", Comparison::Less, Operand::Number(30.0));
    let Ok(some) = catalog.select(&young, store) else { return };
    for (name, by) in orders() {
        let order = Order { by, descending: false };
        let last = Order { by: order.by.clone(), descending: true };
        // Loads the columns.
        assert!(catalog.page(&some, &last, From::Rank(0), 100, store).is_ok(), "a page");
        let mut page =
            |matches, from: From<'_>| match catalog.page(matches, &order, from, 100, store) {
                Ok(page) => page,
                Err(error) => panic!("{error}"),
            };
        let start = Instant::now();
        page(&all, From::Rank(0));
        println!("page by {name}: first of all, cold       {:.2?}", start.elapsed());
        let start = Instant::now();
        page(&some, From::Rank(0));
        println!("page by {name}: first of a filter, cold  {:.2?}", start.elapsed());
        let start = Instant::now();
        page(&all, From::Rank(500_000));
        println!("page by {name}: all sorted at last       {:.2?}", start.elapsed());
        measure(&format!("page by {name}: rank 0"), || page(&all, From::Rank(0)).rank.to_string());
        measure(&format!("page by {name}: rank 500,000"), || {
            page(&all, From::Rank(500_000)).rank.to_string()
        });
        let next = page(&some, From::Rank(90_000)).next.unwrap_or_default();
        measure(&format!("page by {name}: behind rank 90,000 of a filter"), || {
            page(&some, From::After(&next)).rank.to_string()
        });
    }
}

fn edits(catalog: &mut Catalog, store: &mut Store, texts: &Texts, count: usize) {
    let mut random = Random(99);
    let mut builder = ChunkBuilder::default();
    for (name, by) in orders() {
        let order = Order { by, descending: true };
        let mut times = Vec::new();
        for _ in 0..EDITS {
            let number = random.below(count as u64) as usize;
            add(&mut builder, &profile(number, &mut random), texts);
            let start = Instant::now();
            catalog.add_rows(&[number as i64], &[1_800_000_000_000], builder.finish());
            let Ok(all) = catalog.select(&Expr::All(Vec::new()), store) else { return };
            let page = catalog.page(&all, &order, From::Rank(0), 100, store);
            assert!(page.is_ok_and(|page| page.keys.len() == 100), "a page after an edit");
            times.push(start.elapsed());
        }
        times.sort_unstable();
        println!(
            "edit, then page by {name}: median {:.2?}, worst {:.2?}",
            times[EDITS / 2],
            times[EDITS - 1]
        );
    }
}
