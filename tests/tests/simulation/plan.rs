//! What a seed stands for: how many take part, and how badly they are treated.

use kartei_test_support::Dice;

use crate::faults::Fault;
use crate::relays::Sabotage;
use crate::upkeep::OnDifference;

/// A part of a thousand.
pub(crate) type PerMille = u64;

/// Stores that are open at once: each takes five files or so, and many systems give a program 1,024.
const OPEN_MAX: usize = 128;

/// Everything that is fixed when a run begins.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// Replicas; each belongs to one organisation.
    pub(crate) replicas: usize,
    /// Databases of relays, each with [`Plan::ORGANISATIONS`] organisations.
    pub(crate) databases: usize,
    /// Relays on each database.
    pub(crate) handles: usize,
    /// Ids that profiles have, the same in every organisation.
    pub(crate) profiles: u64,
    /// What people do in all before the faults end.
    pub(crate) acts: u64,
    /// Mean pause of one person, in milliseconds.
    pub(crate) pause_ms: u64,
    /// A message is under way for up to this long, most of them much shorter.
    pub(crate) delay_ms: u64,
    /// Rows of a page of the feed and items of a push at most.
    pub(crate) page: usize,
    /// Messages that are lost, that come twice, notices that are lost.
    pub(crate) lost: PerMille,
    pub(crate) doubled: PerMille,
    pub(crate) notices_lost: PerMille,
    /// A program that dies right after a write, before it knows.
    pub(crate) dies: PerMille,
    /// Late and doubled answers that another program on the same folder applies.
    pub(crate) beside: PerMille,
    /// Mean pause between faults of the list, in milliseconds; 0 for none.
    pub(crate) fault_ms: u64,
    /// Which of [`crate::faults::Fault::ALL`] come.
    pub(crate) faults: u32,
    /// Of the moments at which a replica is complete, how many are looked at while people work.
    pub(crate) looked_at: PerMille,
    /// Stores that are open at once.
    pub(crate) open_max: usize,
    /// Whether everything that happens is printed.
    pub(crate) told: bool,
    /// What is done where digests differ.
    pub(crate) on_difference: OnDifference,
    /// Something that is broken on purpose.
    pub(crate) sabotage: Option<Sabotage>,
}

impl Plan {
    /// Organisations of each database.
    pub(crate) const ORGANISATIONS: usize = 2;

    /// The run of a seed. Which faults come, and how often, differs from seed to seed: a run with
    /// few sorts of faults reaches states that one with all of them does not.
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Dice::seeded(seed ^ 0x706c_616e);
        let mut some = |percent: u64, most: u64| {
            if dice.roll(100) < percent { 1 + dice.roll(most) } else { 0 }
        };
        let (lost, doubled, notices_lost) = (some(60, 250), some(50, 250), some(50, 1_000));
        let (dies, beside) = (some(40, 80), some(50, 900));
        let faults_per_pause = some(85, 8);
        let page = usize::try_from(some(100, 4)).unwrap_or(1);
        let mut dice = Dice::seeded(seed ^ 0x7369_7a65);
        let mut between = |least: u64, most: u64| least + dice.roll(most - least + 1);
        let replicas = between(3, 8);
        let pause_ms = [200_u64, 2_000, 20_000][usize::try_from(between(0, 2)).unwrap_or(0)];
        // A person's pause has up to this many faults, each at one of them.
        let fault_ms = pause_ms.checked_div(faults_per_pause).unwrap_or(0);
        Self {
            seed,
            replicas: usize::try_from(replicas).unwrap_or(3),
            databases: if between(0, 3) == 0 { 2 } else { 1 },
            handles: usize::try_from(between(1, 3)).unwrap_or(1),
            profiles: between(2, 8),
            acts: between(15, 45),
            pause_ms,
            delay_ms: [50, 3_000, 30_000][usize::try_from(between(0, 2)).unwrap_or(0)],
            page,
            lost,
            doubled,
            notices_lost,
            dies,
            beside,
            fault_ms,
            faults: u32::try_from(between(1, Fault::EVERY)).unwrap_or(1),
            looked_at: 100,
            open_max: OPEN_MAX,
            told: false,
            on_difference: OnDifference::Tell,
            sabotage: None,
        }
    }

    /// Many replicas of few profiles.
    pub(crate) fn large(seed: u64, replicas: usize) -> Self {
        Self {
            replicas,
            databases: 1,
            handles: 3,
            profiles: 8,
            acts: (replicas as u64).min(120),
            pause_ms: 60_000,
            delay_ms: 3_000,
            page: 50,
            lost: 20,
            doubled: 20,
            // Each push is told to everybody else: most of a crowd finds out by itself.
            notices_lost: 900,
            dies: 2,
            beside: 50,
            fault_ms: 5_000,
            faults: u32::try_from(Fault::EVERY).unwrap_or(1),
            ..Self::of(seed)
        }
    }

    /// Three replicas of one organisation and one of another, and nothing goes wrong by itself.
    pub(crate) fn calm(seed: u64) -> Self {
        Self {
            replicas: 4,
            databases: 1,
            handles: 1,
            profiles: 4,
            acts: 40,
            pause_ms: 2_000,
            delay_ms: 50,
            page: 3,
            lost: 0,
            doubled: 0,
            notices_lost: 0,
            dies: 0,
            beside: 0,
            fault_ms: 0,
            ..Self::of(seed)
        }
    }
}
