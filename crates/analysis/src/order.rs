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

    /// A profile's place: 128 bits of BLAKE3, keyed with the seed, of its id.
    fn place(&self, id: &str) -> u128 {
        let hash = blake3::keyed_hash(&self.0, id.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.as_bytes()[..16]);
        u128::from_be_bytes(bytes)
    }
}

/// Sorts things by the place of their ids. Every beginning is a simple random sample.
#[must_use]
pub fn in_visiting_order<T>(seed: Seed, things: Vec<T>, id: impl Fn(&T) -> &str) -> Vec<T> {
    let mut placed: Vec<(u128, T)> =
        things.into_iter().map(|thing| (seed.place(id(&thing)), thing)).collect();
    placed.sort_unstable_by(|(a, one), (b, other)| a.cmp(b).then_with(|| id(one).cmp(id(other))));
    placed.into_iter().map(|(_, thing)| thing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
