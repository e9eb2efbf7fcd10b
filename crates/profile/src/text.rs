//! Two versions of one text as one.

use automerge as am;
use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, ObjType, ReadDoc};

use crate::document::DocumentError;

/// The text with what both `mine` and `theirs` changed in `base`, by character. Equal arguments give
/// equal texts: the actors are fixed.
pub(crate) fn merged(base: &str, mine: &str, theirs: &str) -> Result<String, DocumentError> {
    if base == theirs || mine == theirs {
        return Ok(mine.to_owned());
    }
    if base == mine {
        return Ok(theirs.to_owned());
    }
    let actor = |number: u8| ActorId::from([number]);
    let mut doc = Automerge::new();
    doc.set_actor(actor(0));
    let mut tx = doc.transaction();
    let text = tx.put_object(am::ROOT, "text", ObjType::Text)?;
    tx.splice_text(&text, 0, 0, base)?;
    tx.commit();
    let mut other = doc.fork().with_actor(actor(1));
    doc.set_actor(actor(2));
    for (doc, to) in [(&mut doc, mine), (&mut other, theirs)] {
        let mut tx = doc.transaction();
        tx.update_text(&text, to)?;
        tx.commit();
    }
    doc.merge(&mut other)?;
    Ok(doc.text(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(base: &str, mine: &str, theirs: &str, both: &str) {
        assert_eq!(merged(base, mine, theirs).unwrap(), both);
    }

    #[test]
    fn what_both_wrote_is_there() {
        check(
            "Calls on Monday.",
            "Calls on Monday. Mail.",
            "Never calls on Monday.",
            "Never calls on Monday. Mail.",
        );
        check("", "mine", "", "mine");
        check("same", "same", "theirs", "theirs");
        check("a line\nb", "b", "a line\nb\nc", "b\nc");
        check("naïve 👩‍👧 x", "naïve 👩‍👧 xy", "a naïve 👩‍👧 x", "a naïve 👩‍👧 xy");
    }

    #[test]
    fn both_at_one_place_is_the_same_each_time() {
        let once = merged("ab", "aXb", "aYb").unwrap();
        assert!(["aXYb", "aYXb"].contains(&once.as_str()), "{once}");
        assert_eq!(merged("ab", "aXb", "aYb").unwrap(), once);
    }
}
