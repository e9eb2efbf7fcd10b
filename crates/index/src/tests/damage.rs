//! Bytes that were not written by this crate are an error at most, never a panic.

use kartei_filter::Expr;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::arbitrary::{content, expr, order, record};
use super::store::Store;
use crate::{Catalog, ChunkBuilder, Error, From, Order, OrderKey};

#[derive(Debug, Clone)]
enum Damage {
    Flip(Index, u8),
    Cut(Index),
    Replace(Vec<u8>),
    Lose,
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        6 => (any::<Index>(), 1..=u8::MAX).prop_map(|(at, with)| Damage::Flip(at, with)),
        1 => any::<Index>().prop_map(Damage::Cut),
        1 => vec(any::<u8>(), 0..60).prop_map(Damage::Replace),
        1 => Just(Damage::Lose),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn damaged_columns_never_panic(
        contents in vec(content(), 1..40),
        damages in vec((any::<Index>(), damage()), 1..30),
        exprs in vec(expr(), 1..12),
        orders in vec(order(), 1..6),
    ) {
        let mut store = Store::default();
        let mut catalog = Catalog::new(1 << 20);
        let rows: Vec<_> =
            (0..).zip(&contents).map(|(key, one)| (Some(key), record(one, key))).collect();
        store.add_chunk(&mut catalog, &mut ChunkBuilder::default(), &rows, 0);
        for (which, damage) in damages {
            let mut names: Vec<_> = store.columns.keys().cloned().collect();
            if names.is_empty() {
                break;
            }
            let name = names.swap_remove(which.index(names.len()));
            let body = store.columns.get_mut(&name).unwrap();
            match damage {
                Damage::Flip(at, with) if !body.is_empty() => {
                    let at = at.index(body.len());
                    body[at] ^= with;
                }
                Damage::Flip(..) => {}
                Damage::Cut(at) => body.truncate(at.index(body.len() + 1)),
                Damage::Replace(with) => *body = with,
                Damage::Lose => {
                    store.columns.remove(&name);
                }
            }
        }
        for expr in &exprs {
            let _ = catalog.select(expr, &mut store);
        }
        let _ = catalog.tags(&mut store);
        let _ = catalog.attributes(&mut store);
        let matches = catalog.select(&Expr::All(Vec::new()), &mut store).unwrap();
        for order in &orders {
            for rank in [0, 12] {
                let _ = catalog.page(&matches, order, From::Rank(rank), 5, &mut store);
            }
        }
    }
}

#[test]
fn damage_is_named_with_its_chunk_and_column() {
    let mut store = Store::default();
    let mut catalog = Catalog::new(1 << 20);
    let rows = [(Some(1), record(&serde_json::json!({}), 1))];
    store.add_chunk(&mut catalog, &mut ChunkBuilder::default(), &rows, 0);
    store.columns.get_mut(&("id".to_owned(), 1)).unwrap()[0] = 77;
    let matches = catalog.select(&Expr::All(Vec::new()), &mut store).unwrap();
    let order = Order { by: OrderKey::Id, descending: false };
    let read = catalog.page(&matches, &order, From::Rank(0), 5, &mut store);
    match read {
        Err(Error::Damaged { chunk: 1, column, .. }) => assert_eq!(column, "id"),
        other => panic!("expected a damaged column, found {other:?}"),
    }
}
