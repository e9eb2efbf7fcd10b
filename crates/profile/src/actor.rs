//! Who makes a change: the scaffold, an import, or a person.
//!
//! Actor ids are 16 bytes. Those of the scaffold and of imports are derived from what the change
//! says, so that two replicas which do the same thing make the same change; those of people are
//! random. The class stands in the first bytes, because a person's value outranks an imported one
//! that is concurrent with it.

use automerge::ActorId;
use sha2::{Digest, Sha256};

use crate::changes::ChangeHash;
use crate::record::RecordHash;

const CLASS_LEN: usize = 4;
const SCAFFOLD: [u8; CLASS_LEN] = *b"KSCF";
const GENESIS: [u8; CLASS_LEN] = *b"KGEN";
const IMPORT: [u8; CLASS_LEN] = *b"KIMP";
const PERSON: [u8; CLASS_LEN] = *b"KPER";

/// What sort of change an actor makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActorClass {
    /// The empty containers, the same in every profile.
    Scaffold,
    /// The first content.
    Genesis,
    /// A later import.
    Import,
    /// A person's edit, and whatever an unknown program wrote.
    Person,
}

impl ActorClass {
    pub(crate) fn of(actor: &ActorId) -> Self {
        match actor.to_bytes().get(..CLASS_LEN) {
            Some(class) if class == SCAFFOLD => Self::Scaffold,
            Some(class) if class == GENESIS => Self::Genesis,
            Some(class) if class == IMPORT => Self::Import,
            _ => Self::Person,
        }
    }

    /// Whether changes of this class follow from a record alone.
    #[must_use]
    pub fn is_derived(self) -> bool {
        self != Self::Person
    }
}

/// A person's actor: one for each run of a program, never stored and used again, because a data
/// folder that was restored from a backup would otherwise number two different changes alike. Within a
/// run it goes on as another one where a document has lost changes: see [`Actor::after_loss`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Actor([u8; 16]);

impl Actor {
    /// The actor made of 12 random bytes.
    #[must_use]
    pub fn from_random(random: [u8; 12]) -> Self {
        let mut bytes = [0; 16];
        bytes[..CLASS_LEN].copy_from_slice(&PERSON);
        bytes[CLASS_LEN..].copy_from_slice(&random);
        Self(bytes)
    }

    /// The bytes of the actor id.
    #[must_use]
    pub fn bytes(&self) -> [u8; 16] {
        self.0
    }

    /// The actor that goes on for this one in a data folder whose documents have lost changes so many
    /// times. It would number the next change like one that it has forgotten, and that others may have.
    #[must_use]
    pub fn after_loss(self, losses: u64) -> Self {
        if losses == 0 {
            return self;
        }
        let parts: [&[u8]; 2] = [&self.0, &losses.to_be_bytes()];
        Self(derived_bytes(PERSON, "kartei/after-loss/1", &parts))
    }

    pub(crate) fn id(self) -> ActorId {
        ActorId::from(&self.0[..])
    }

    /// The actor of the deletion that this one replays in a profile with this genesis. An actor
    /// numbers its changes in one line, and this deletion stands beside that line.
    pub(crate) fn beside(self, genesis: ChangeHash) -> ActorId {
        derived(PERSON, "kartei/deletion/1", &[&self.0, &genesis.bytes()])
    }
}

/// The person's actor that writes again what a decision did not choose: beside the decision, and once.
pub(crate) fn reopening(decision: ChangeHash) -> ActorId {
    derived(PERSON, "kartei/reopening/1", &[&decision.bytes()])
}

pub(crate) fn scaffold(schema_name: &str) -> ActorId {
    derived(SCAFFOLD, "kartei/scaffold/1", &[schema_name.as_bytes()])
}

/// The genesis actor of `id` in its `incarnation` (1, higher after an erasure) with this content.
pub(crate) fn genesis(id: &str, incarnation: u32, record: &RecordHash) -> ActorId {
    derived(
        GENESIS,
        "kartei/genesis/1",
        &[id.as_bytes(), &incarnation.to_be_bytes(), record.bytes()],
    )
}

/// The actor of an import that turns the state at `heads` into `record`.
pub(crate) fn import(heads: &[ChangeHash], record: &RecordHash) -> ActorId {
    let mut sorted: Vec<[u8; 32]> = heads.iter().map(ChangeHash::bytes).collect();
    sorted.sort_unstable();
    let heads = sorted.concat();
    derived(IMPORT, "kartei/import/1", &[&heads, record.bytes()])
}

fn derived(class: [u8; CLASS_LEN], domain: &str, parts: &[&[u8]]) -> ActorId {
    ActorId::from(&derived_bytes(class, domain, parts)[..])
}

fn derived_bytes(class: [u8; CLASS_LEN], domain: &str, parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update(domain.as_bytes());
    for part in parts {
        // Lengths keep parts apart: ("ab", "c") must not meet ("a", "bc").
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let mut bytes = [0_u8; 16];
    bytes[..CLASS_LEN].copy_from_slice(&class);
    bytes[CLASS_LEN..].copy_from_slice(&digest[..16 - CLASS_LEN]);
    bytes
}
