//! Saved views that name a person who was erased: in the filter, in the search, or in the view's name.
//!
//! A filter keeps its meaning: a term that asks for the erased one holds for nothing, and is taken out
//! so that the rest says what it said. What a view asks of attributes stays, since others may have the
//! same values.

use kartei_filter::{Expr, Pattern, Term, words};
use kartei_profile::Record;
use kartei_protocol::desktop::TableView;
use rusqlite::{Transaction, params};

use crate::erasure::{BLANK, Erasures};
use crate::error::StoreError;

/// A name of fewer words is no sign of one person, where it stands among other words.
const NAME_WORDS_MIN: usize = 2;

/// How an erased profile may be named, besides by an id whose hash is known.
#[derive(Debug)]
pub(crate) struct Named {
    /// Folded words of the id.
    id: Vec<String>,
    /// Folded words of the display name; empty where it had none.
    name: Vec<String>,
}

impl Named {
    /// Of a profile that is about to be removed.
    pub(crate) fn of(id: &str, record: &str) -> Self {
        // A record that cannot be read tells no name.
        let record = Record::from_stored(record).ok();
        let name = record.as_ref().and_then(|record| record.members().get("display_name"));
        let name = name.and_then(|name| name.as_str()).map(folded).unwrap_or_default();
        Self { id: folded(id), name }
    }

    fn is_in(&self, text: &[String]) -> bool {
        let holds = |words: &[String]| {
            !words.is_empty() && text.windows(words.len()).any(|part| part == words)
        };
        holds(&self.id) || (self.name.len() >= NAME_WORDS_MIN && holds(&self.name))
    }
}

/// Takes what names erased profiles out of the saved views, deleted ones too. Answers how many views
/// that changed.
pub(crate) fn forget(
    db: &Transaction<'_>,
    erased: &Erasures,
    named: &[Named],
) -> Result<u64, StoreError> {
    let views: Vec<(String, String, String, bool)> = {
        let mut select = db.prepare_cached("SELECT id, name, view, deleted FROM views")?;
        let rows =
            select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
        rows.collect::<Result<_, _>>()?
    };
    let mut taken: Vec<String> = views.iter().map(|(_, name, ..)| name.to_lowercase()).collect();
    let mut changed = 0;
    for (id, name, body, deleted) in views {
        let mentions = Mentions { erased, named };
        let new_name = mentions.in_text(&name).then(|| free_name(&mut taken));
        let damaged = |e| StoreError::Damaged(format!("the saved view `{id}`: {e}"));
        // Of a deleted one nothing is left but its name.
        let new_body = match deleted {
            true => None,
            false => {
                let view: TableView = serde_json::from_str(&body).map_err(damaged)?;
                let cleaned = mentions.taken_out(&view);
                cleaned.map(|view| serde_json::to_string(&view)).transpose().map_err(damaged)?
            }
        };
        if new_name.is_none() && new_body.is_none() {
            continue;
        }
        changed += 1;
        db.execute(
            "UPDATE views SET name = coalesce(?2, name), view = coalesce(?3, view) WHERE id = ?1",
            params![id, new_name, new_body],
        )?;
    }
    Ok(changed)
}

/// Whether a text names an erased profile where it is read as a filter.
pub(crate) fn are_in_filter(text: &str, erased: &Erasures, named: &[Named]) -> bool {
    Mentions { erased, named }.filter_without(text).is_some()
}

/// What is looked for.
struct Mentions<'a> {
    erased: &'a Erasures,
    named: &'a [Named],
}

impl Mentions<'_> {
    /// The view without mentions, where it had any.
    fn taken_out(&self, view: &TableView) -> Option<TableView> {
        let filter = self.filter_without(&view.filter);
        let search = self.in_text(&view.search).then(String::new);
        if filter.is_none() && search.is_none() {
            return None;
        }
        let mut view = view.clone();
        view.filter = filter.unwrap_or(view.filter);
        view.search = search.unwrap_or(view.search);
        Some(view)
    }

    fn filter_without(&self, filter: &str) -> Option<String> {
        let Ok(expr) = kartei_filter::parse(filter) else {
            // It lists nothing as it is.
            return self.in_text(filter).then(String::new);
        };
        let expr: Expr = expr;
        let before = expr.to_string();
        let after = expr.where_gone(&|term| self.names(term)).to_string();
        (after != before).then_some(after)
    }

    fn names(&self, term: &Term) -> bool {
        match term {
            Term::Id(Pattern::Exact(id)) => self.erased.holds(id),
            Term::Name(Pattern::Exact(name)) => {
                let name = folded(name);
                self.named.iter().any(|one| !name.is_empty() && one.name == name)
            }
            Term::Words { words, .. } => {
                let words: Vec<String> = words.iter().map(|word| word.text.clone()).collect();
                self.named.iter().any(|one| one.is_in(&words))
            }
            _ => false,
        }
    }

    fn in_text(&self, text: &str) -> bool {
        let words = folded(text);
        self.named.iter().any(|one| one.is_in(&words))
            || text.split_whitespace().any(|word| self.erased.holds(word))
    }
}

fn folded(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    words::each(text, |word| found.push(word.to_owned()));
    found
}

/// A name that no view has: names are told apart.
fn free_name(taken: &mut Vec<String>) -> String {
    let name = (1_u32..)
        .map(|n| if n == 1 { BLANK.to_owned() } else { format!("{BLANK} {n}") })
        .find(|name| !taken.contains(name))
        .unwrap_or_else(|| BLANK.to_owned());
    taken.push(name.clone());
    name
}
