//! Who wrote what a profile shows.

use automerge as am;

use crate::actor::ActorClass;
use crate::deletion::{self, WHOLE};
use crate::document::{Document, DocumentError};
use crate::pointer;
use crate::schema::RecordSchema;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Who, where the change says so.
    pub by: Option<String>,
    /// When, in seconds since 1970; imports carry no time.
    pub at: Option<i64>,
    /// The actor.
    pub actor: Vec<u8>,
    /// What sort of actor.
    pub class: ActorClass,
}

impl Document {
    /// Who wrote the value that a member shows, or with an empty pointer who deleted the profile.
    /// Nothing where there is no such value.
    ///
    /// # Errors
    /// [`DocumentError::Malformed`] where the document is not of the schema.
    pub fn origin(
        &self,
        schema: &RecordSchema,
        pointer: &str,
    ) -> Result<Option<Origin>, DocumentError> {
        if pointer == WHOLE {
            let deletion = deletion::latest_deletion(&self.am)?;
            return Ok(deletion.and_then(|hash| self.origin_of(&hash)));
        }
        let path = pointer::parse(pointer).unwrap_or_default();
        let [name] = path.as_slice() else { return Ok(None) };
        let Some(member) = schema.member(name) else { return Ok(None) };
        let shown = self.reader(schema, None).root_candidates(member)?.into_iter().next();
        let hash = shown.and_then(|candidate| self.am.hash_for_opid(&candidate.op));
        Ok(hash.and_then(|hash| self.origin_of(&hash)))
    }

    fn origin_of(&self, change: &am::ChangeHash) -> Option<Origin> {
        let meta = self.am.get_change_meta_by_hash(change)?;
        let class = ActorClass::of(&meta.actor);
        Some(Origin {
            by: meta.message.as_ref().map(ToString::to_string),
            at: (class == ActorClass::Person).then_some(meta.timestamp),
            actor: meta.actor.to_bytes().to_vec(),
            class,
        })
    }
}
