//! Moving a profile onto another genesis, when the relay took somebody else's first.

use automerge as am;

use crate::actor::{Actor, ActorClass};
use crate::changes::Change;
use crate::deletion::{self, Life};
use crate::diff::{Extent, diff};
use crate::document::{Document, DocumentError, ImportOutcome};
use crate::edit::Stamp;
use crate::record::Record;
use crate::schema::RecordSchema;

impl Document {
    /// Moves this profile onto another genesis, the relay's, which `onto` holds with whatever else
    /// the relay knows. The record that was imported here is replayed as an import that only adds,
    /// and what people did here on top of it as one edit. A deletion is replayed beside all of it:
    /// whoever deleted the profile did not know of the relay's. Answers the changes to send.
    ///
    /// # Errors
    /// [`DocumentError`] where one of the documents cannot be read.
    pub fn rebase(
        &self,
        schema: &RecordSchema,
        mut onto: Self,
        actor: Actor,
        stamp: &Stamp,
    ) -> Result<(Self, Vec<Change>), DocumentError> {
        let mut replayed = Vec::new();
        let again = deletion::merged_again(self.became().as_deref());
        let were_deleted = self.is_deleted() && onto.is_deleted();
        let line = self.import_line();
        let imported = Record::from_canonical(self.reader(schema, Some(&line)).members()?);
        let edited = self.record(schema)?;

        let genesis = onto.genesis_hash()?;
        let root = [am::ChangeHash::from(genesis)];
        let theirs = onto.reader(schema, Some(&root)).members()?;
        let ops = diff(schema, &theirs, imported.members(), Extent::Overlay);
        let mut base = root.to_vec();
        if let ImportOutcome::Changed(change) = onto.import_ops(schema, &imported, &root, &ops)? {
            base = vec![change.hash().into()];
            replayed.push(*change);
        }
        let ops = diff(schema, imported.members(), edited.members(), Extent::Whole);
        let edit = onto.commit_at(schema, &base, actor.id(), stamp.options(), &ops)?;
        replayed.extend(edit);
        if were_deleted {
            let ops = [deletion::set_again(), again].concat();
            replayed.extend(onto.commit_edit(schema, actor, stamp, &ops)?);
        } else if Life::of(&self.am)? != Life::Kept {
            let scaffold = onto.scaffold_heads();
            let (actor, ops) = (actor.beside(genesis), [vec![deletion::set(true)], again].concat());
            let change = onto.commit_at(schema, &scaffold, actor, stamp.options(), &ops)?;
            replayed.extend(change);
        }
        Ok((onto, replayed))
    }

    /// The newest stamp that a person left here, to keep when edits are replayed.
    #[must_use]
    pub fn last_stamp(&self) -> Option<Stamp> {
        self.am
            .get_changes_meta(&[])
            .iter()
            .filter(|meta| ActorClass::of(&meta.actor) == ActorClass::Person)
            .max_by_key(|meta| (meta.timestamp, meta.hash))
            .map(|meta| Stamp {
                at_seconds: meta.timestamp,
                by: meta.message.as_ref().map(ToString::to_string),
            })
    }

    fn scaffold_heads(&self) -> Vec<am::ChangeHash> {
        let metas = self.am.get_changes_meta(&[]);
        let scaffold =
            metas.iter().filter(|meta| ActorClass::of(&meta.actor) == ActorClass::Scaffold);
        scaffold.map(|meta| meta.hash).collect()
    }
}
