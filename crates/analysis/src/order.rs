//! The order in which profiles are visited.

/// What draws the order: another seed, another order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed([u8; 32]);

impl Seed {
    /// The seed of a name, such as a job's id.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self(*blake3::hash(name.as_bytes()).as_bytes())
    }

    /// A profile's place: 128 bits of BLAKE3, keyed with the seed, of its id; the first half counts more.
    fn place(&self, id: &str) -> (u64, u64) {
        let hash = blake3::keyed_hash(&self.0, id.as_bytes());
        let half = |from: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&hash.as_bytes()[from..from + 8]);
            u64::from_be_bytes(bytes)
        };
        (half(0), half(8))
    }
}

/// Sorts things by the place of their ids. Every beginning is a simple random sample.
#[must_use]
pub fn in_visiting_order<T>(seed: Seed, things: Vec<T>, id: impl Fn(&T) -> &str) -> Vec<T> {
    // Half of a place and a number are sorted quicker than whole things; few halves are equal.
    let halves = things.iter().enumerate().map(|(at, thing)| (seed.place(id(thing)).0, at));
    let mut order: Vec<(u64, usize)> = halves.collect();
    order.sort_unstable_by_key(|(half, _)| *half);
    settle_equals(&mut order, |at| {
        let id = id(&things[at]);
        (seed.place(id), id)
    });
    let mut things: Vec<Option<T>> = things.into_iter().map(Some).collect();
    let mut ordered = Vec::with_capacity(things.len());
    ordered.extend(order.into_iter().filter_map(|(_, at)| things[at].take()));
    ordered
}

/// Puts those whose halves are equal in the order of something else.
fn settle_equals<K: Ord>(order: &mut [(u64, usize)], key: impl Fn(usize) -> K) {
    for equal in order.chunk_by_mut(|(a, _), (b, _)| a == b).filter(|equal| equal.len() > 1) {
        equal.sort_unstable_by_key(|(_, at)| key(*at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_halves_stand_in_the_order_of_the_rest() {
        let mut order = [(1, 3), (5, 0), (5, 2), (5, 1), (9, 4)];
        settle_equals(&mut order, |at| [7, 2, 1, 0, 0][at]);
        assert_eq!(order, [(1, 3), (5, 2), (5, 1), (5, 0), (9, 4)]);
    }

    #[test]
    fn places_are_in_order_of_the_whole_hash() {
        let seed = Seed::of("job");
        let ids: Vec<String> = (0..500).map(|number| number.to_string()).collect();
        let whole = |id: &String| {
            let hash = blake3::keyed_hash(&seed.0, id.as_bytes());
            hash.as_bytes()[..16].to_vec()
        };
        let mut sorted = ids.clone();
        sorted.sort_by_key(whole);
        assert_eq!(in_visiting_order(seed, ids, String::as_str), sorted);
    }

    #[test]
    fn the_order_depends_on_the_seed_and_on_nothing_else() {
        let ids: Vec<String> = (0..2_000).map(|number| format!("p-{number:05}")).collect();
        let order =
            |seed: &str, ids: Vec<String>| in_visiting_order(Seed::of(seed), ids, String::as_str);
        let one = order("job-1", ids.clone());
        let mut turned = ids.clone();
        turned.reverse();
        assert_eq!(order("job-1", turned), one);
        assert_ne!(order("job-2", ids.clone()), one);
        let mut sorted = one.clone();
        sorted.sort();
        assert_eq!(sorted, ids, "each once");
        // A beginning is a sample: about half of the first tenth is from the first half.
        let early = one[..200].iter().filter(|id| id.as_str() < "p-01000").count();
        assert!((70..=130).contains(&early), "{early} of 200");
    }
}
