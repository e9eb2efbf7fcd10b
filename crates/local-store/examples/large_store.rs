//! Times what people do in a large data folder, for `cargo xtask bench store`. Usage:
//! `large_store FOLDER [RECOVERY_KEY_FILE]`; prints a table of medians and 99th percentiles in milliseconds.

#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::path::Path;
use std::time::{Duration, Instant};

use kartei_local_store::{DatabaseKey, Session, Store, StoreOptions};
use kartei_profile::{Actor, Edit};
use kartei_protocol::desktop::{CountFacet, Field, FindPlace, ListProfiles, Selection, SortKey};
use serde_json::json;

/// Runs of a query: the worst of them is the 99th percentile.
const RUNS: usize = 100;

fn open(folder: &Path) -> Store {
    let key = std::env::args().nth(2).map(|file| {
        let text = std::fs::read_to_string(file).unwrap();
        DatabaseKey::parse(&text).unwrap()
    });
    Store::open(folder, StoreOptions { key, ..StoreOptions::default() }).unwrap()
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

fn say(what: &str, mut times: Vec<Duration>, note: &str) {
    times.sort_unstable();
    let median = millis(times[times.len() / 2]);
    let worst = millis(times[(times.len() * 99).div_ceil(100) - 1]);
    println!("| {what} | {median:.2} | {worst:.2} | {} | {note} |", times.len());
}

fn request(filter: &str, search: &str, sort: SortKey) -> ListProfiles {
    ListProfiles {
        filter: filter.to_owned(),
        search: search.to_owned(),
        sort,
        limit: 50,
        ..ListProfiles::default()
    }
}

/// Sessions in which a place is asked for the first time.
const SESSIONS: usize = 5;

fn place(filter: &str, sort: &SortKey, id: &str) -> FindPlace {
    FindPlace {
        id: id.to_owned(),
        filter: filter.to_owned(),
        sort: sort.clone(),
        ..FindPlace::default()
    }
}

/// Where profiles stand in the list, all over it: asked when one is opened whose page is not there.
fn places(folder: &Path) {
    let orders: [(&str, SortKey); 8] = [
        ("", SortKey::Id),
        ("", SortKey::Name),
        ("", SortKey::Changed),
        ("", SortKey::Observations),
        ("", SortKey::LastObservation),
        ("", SortKey::Attribute("revenue".to_owned())),
        ("orders>=30", SortKey::Id),
        ("orders>=30", SortKey::Attribute("revenue".to_owned())),
    ];
    for (filter, sort) in &orders {
        let store = open(folder);
        let total = store.list(&request(filter, "", SortKey::Id)).unwrap().matching;
        let ids: Vec<String> = (0..RUNS as u64)
            .map(|n| {
                let offset = n * (total - 1) / (RUNS as u64 - 1);
                let page = ListProfiles { offset, limit: 1, ..request(filter, "", SortKey::Id) };
                store.list(&page).unwrap().rows[0].id.clone()
            })
            .collect();
        let mut first = Vec::new();
        for n in 0..SESSIONS {
            // The window loads the list of chunks at its start and shows a page of the same list.
            let store = open(folder);
            store.warm().unwrap();
            store.list(&request(filter, "", sort.clone())).unwrap();
            let wanted = place(filter, sort, &ids[RUNS / 2 + n]);
            let begun = Instant::now();
            store.rank(&wanted).unwrap().unwrap();
            first.push(begun.elapsed());
        }
        let what = format!("place in `{filter}` by {sort:?}");
        say(&format!("{what}, the first of a session"), first, "the list is in sight");
        let mut times = Vec::new();
        for id in &ids {
            let wanted = place(filter, sort, id);
            let begun = Instant::now();
            store.rank(&wanted).unwrap().unwrap();
            times.push(begun.elapsed());
        }
        say(&format!("{what}, all over the list"), times, &format!("{total} match"));
    }
}

/// Counts beside the list, for everything and for a filter.
fn facets(store: &Store) {
    let begun = Instant::now();
    let names = store.attribute_names().unwrap();
    let cold = begun.elapsed();
    let mut times = Vec::new();
    for _ in 0..20 {
        let begun = Instant::now();
        store.attribute_names().unwrap();
        times.push(begun.elapsed());
    }
    let note = format!("{} attributes; first time {:.0} ms", names.len(), millis(cold));
    say("names of attributes, with a sample of values", times, &note);
    let attributes = names.into_iter().map(|one| Field::Attribute(one.name));
    for field in [Field::Status, Field::Tags].into_iter().chain(attributes) {
        for filter in ["", "orders>=30"] {
            let request = CountFacet {
                filter: filter.to_owned(),
                search: String::new(),
                field: field.clone(),
                find: String::new(),
                limit: 6,
            };
            let begun = Instant::now();
            let facet = store.count_facet(&request).unwrap();
            let cold = begun.elapsed();
            let mut times = Vec::new();
            for _ in 0..20 {
                let begun = Instant::now();
                store.count_facet(&request).unwrap();
                times.push(begun.elapsed());
            }
            let distinct = facet.distinct;
            let note = format!("{distinct} values; first time {:.0} ms", millis(cold));
            say(&format!("facet {field:?} of `{filter}`"), times, &note);
        }
    }
}

fn main() {
    let folder = std::env::args().nth(1).unwrap();
    let folder = Path::new(&folder);
    let session = Session { actor: Actor::from_random([7; 12]), author: Some("bench".to_owned()) };
    println!("| what | median ms | p99 ms | runs | |");
    println!("|---|---:|---:|---:|---|");

    let mut times = Vec::new();
    for _ in 0..20 {
        let begun = Instant::now();
        let store = open(folder);
        store.list(&request("", "", SortKey::Id)).unwrap();
        times.push(begun.elapsed());
    }
    say("open, and the first page", times, "");

    let store = open(folder);
    let begun = Instant::now();
    store.warm().unwrap();
    say("load the list of chunks", vec![begun.elapsed()], "once");

    let queries: [(&str, &str, SortKey); 12] = [
        ("tag:vip", "", SortKey::Id),
        ("tag:v* -tag:repeat", "", SortKey::Changed),
        ("orders>=30", "", SortKey::Attribute("revenue".to_owned())),
        ("city:Bern orders<20", "", SortKey::Name),
        ("city:B* or city:G*", "", SortKey::Id),
        ("has:city observations>=10", "", SortKey::Observations),
        ("after:2025-12-01", "", SortKey::LastObservation),
        ("status:pending", "", SortKey::Id),
        ("(tag:vip or orders>50) -has:nothing", "", SortKey::Id),
        ("", "a", SortKey::Id),
        ("", "person bern", SortKey::Name),
        ("id:made-00*", "", SortKey::Id),
    ];
    for (filter, search, sort) in &queries {
        let request = request(filter, search, sort.clone());
        let begun = Instant::now();
        let first = store.list(&request).unwrap();
        let cold = begun.elapsed();
        let mut times = Vec::new();
        for _ in 0..RUNS {
            let begun = Instant::now();
            store.list(&request).unwrap();
            times.push(begun.elapsed());
        }
        let note = format!("{} match; first time {:.0} ms", first.matching, millis(cold));
        say(&format!("first page `{filter}` `{search}`"), times, &note);
        let mut next = first.next;
        let mut times = Vec::new();
        while let Some(after) = next
            && times.len() < RUNS
        {
            let begun = Instant::now();
            let page = store.list(&ListProfiles { after: Some(after), ..request.clone() }).unwrap();
            times.push(begun.elapsed());
            next = page.next;
        }
        if !times.is_empty() {
            say("… next pages", times, "");
        }
    }

    facets(&store);
    places(folder);

    let ids: Vec<String> = store
        .list(&ListProfiles { limit: 1_000, ..request("", "", SortKey::Id) })
        .unwrap()
        .rows
        .into_iter()
        .map(|row| row.id)
        .collect();
    let filtered = request("orders>=30", "", SortKey::Id);
    let filtered = store.list(&ListProfiles { limit: 1_000, ..filtered }).unwrap().rows;
    let (mut edits, mut lists, mut ranks) = (Vec::new(), Vec::new(), Vec::new());
    for (n, id) in ids.iter().take(RUNS).enumerate() {
        let edit = [Edit::Set { pointer: "/attributes/bench".to_owned(), value: json!(n) }];
        let begun = Instant::now();
        store.edit(&session, 1_790_000_000_000, id, &edit).unwrap();
        edits.push(begun.elapsed());
        let begun = Instant::now();
        store.list(&request("orders>=30", "", SortKey::Id)).unwrap();
        lists.push(begun.elapsed());
        let wanted = place("orders>=30", &SortKey::Id, &filtered[n].id);
        let begun = Instant::now();
        store.rank(&wanted).unwrap();
        ranks.push(begun.elapsed());
    }
    say("one edit, durable", edits, "");
    say("first page of a filter after an edit", lists, "");
    say("place in a filter after an edit", ranks, "");

    let ten_thousand = store
        .list(&ListProfiles { offset: 0, limit: 1, ..request("orders>=30", "", SortKey::Id) })
        .unwrap();
    println!("<!-- {} profiles match orders>=30 -->", ten_thousand.matching);
    let mut chosen = Vec::new();
    let mut after = None;
    while chosen.len() < 10_000 {
        let page = ListProfiles { after, limit: 1_000, ..request("orders>=30", "", SortKey::Id) };
        let page = store.list(&page).unwrap();
        chosen.extend(page.rows.into_iter().map(|row| row.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    chosen.truncate(10_000);
    let selection = Selection { ids: Some(chosen), ..Selection::default() };
    let tag = [Edit::Add { pointer: "/tags".to_owned(), value: json!("bench") }];
    let begun = Instant::now();
    let done = store.edit_many(&session, 1_790_000_000_000, &selection, &tag).unwrap();
    let note = format!("{} changed", done.changed);
    say("a bulk edit of 10,000 profiles", vec![begun.elapsed()], &note);
    let begun = Instant::now();
    store.undo(&session, 1_790_000_000_000).unwrap();
    say("undo of that", vec![begun.elapsed()], "");
    let begun = Instant::now();
    store.redo(&session, 1_790_000_000_000).unwrap();
    say("redo of that", vec![begun.elapsed()], "");
}
