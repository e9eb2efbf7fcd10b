//! What people asked to be analysed, where it names somebody who was erased since. Jobs stay as they were asked for until retention
//! takes them; what names the person is left out of what is told of them.

use std::cell::RefCell;
use std::collections::HashMap;

use kartei_filter::{Pattern, Term};
use kartei_relay_store::{JobRow, OrgId, RelayStore, RelayStoreError};
use serde_json::Value;

/// What stands where an erased profile was named.
const BLANK: &str = "(erased)";

/// Takes those who were erased out of filters and parameters. A filter keeps its meaning: a term that asks for an erased
/// profile holds for nothing.
///
/// # Errors
/// [`RelayStoreError`].
pub(crate) fn without_erased(
    store: &RelayStore,
    org: OrgId,
    rows: &mut [JobRow],
) -> Result<(), RelayStoreError> {
    if store.erasure_key(org)?.is_none() {
        return Ok(());
    }
    let known: RefCell<HashMap<String, bool>> = RefCell::default();
    let failed = RefCell::new(None);
    let is_erased = |id: &str| {
        if let Some(is_erased) = known.borrow().get(id) {
            return *is_erased;
        }
        let is_erased = match store.erasure_of(org, id) {
            Ok(erasure) => erasure.is_some(),
            Err(error) => {
                *failed.borrow_mut() = Some(error);
                true
            }
        };
        known.borrow_mut().insert(id.to_owned(), is_erased);
        is_erased
    };
    for row in rows {
        if let Some(filter) = row.filter.take() {
            row.filter = Some(filter_without(filter, &is_erased));
        }
        if let Ok(mut params) = serde_json::from_str::<Value>(&row.params)
            && blank(&mut params, &is_erased)
        {
            row.params = params.to_string();
        }
    }
    failed.into_inner().map_or(Ok(()), Err)
}

fn filter_without(filter: String, is_erased: &impl Fn(&str) -> bool) -> String {
    // What cannot be read asked for nobody.
    let Ok(expr) = kartei_filter::parse(&filter) else { return filter };
    let before = expr.to_string();
    let gone = |term: &Term| matches!(term, Term::Id(Pattern::Exact(id)) if is_erased(id));
    let after = expr.where_gone(&gone).to_string();
    if after == before { filter } else { after }
}

/// Answers whether there was anything.
fn blank(value: &mut Value, is_erased: &impl Fn(&str) -> bool) -> bool {
    let mut some = false;
    match value {
        Value::String(text) if is_erased(text) => {
            BLANK.clone_into(text);
            some = true;
        }
        Value::Array(values) => {
            values.iter_mut().for_each(|value| some |= blank(value, is_erased));
        }
        Value::Object(members) => {
            members.values_mut().for_each(|value| some |= blank(value, is_erased));
        }
        _ => {}
    }
    some
}
