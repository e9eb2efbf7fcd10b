//! Pages of changes that many desktops ask for in the same moment: read and packed once.
//!
//! A page is a function of the organisation, the cursor and the [`FeedState`]. Whoever asks looks at the state first, so a page
//! from memory is never older than the question.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use kartei_protocol::sync::Cursor;
use kartei_relay_store::{FeedState, OrgId};

use crate::problem::Failure;

/// Pages that are kept. A change makes one page for all who have everything before it, and some for those who come back.
const KEPT: usize = 8;

/// What somebody asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    pub(crate) org: OrgId,
    pub(crate) cursor: Option<Cursor>,
    pub(crate) rows_max: usize,
    pub(crate) state: FeedState,
}

/// A page, once somebody made it.
type Slot = Arc<Mutex<Option<Bytes>>>;

/// The newest pages.
#[derive(Debug, Default)]
pub(crate) struct Pages(Mutex<VecDeque<(Asked, Slot)>>);

impl Pages {
    /// A page from memory, or made now; whoever asks for the same one meanwhile waits for it.
    ///
    /// # Errors
    /// Those of `make`; nothing is kept then.
    pub(crate) fn page(
        &self,
        asked: Asked,
        make: impl FnOnce() -> Result<Bytes, Failure>,
    ) -> Result<Bytes, Failure> {
        let slot = self.slot(asked);
        let mut page = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(page) = &*page {
            return Ok(page.clone());
        }
        Ok(page.insert(make()?).clone())
    }

    fn slot(&self, asked: Asked) -> Slot {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, slot)) = kept.iter().find(|(known, _)| *known == asked) {
            return Arc::clone(slot);
        }
        // What an organisation looked like before is asked for by nobody any more.
        kept.retain(|(known, _)| known.org != asked.org || known.state == asked.state);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        let slot = Slot::default();
        kept.push_back((asked, Arc::clone(&slot)));
        slot
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use kartei_relay_store::RelayStore;

    use super::*;

    struct Ground {
        _folder: tempfile::TempDir,
        store: RelayStore,
        orgs: [OrgId; 2],
    }

    fn ground() -> Ground {
        let folder = tempfile::tempdir().unwrap();
        let store = RelayStore::open(folder.path()).unwrap();
        let orgs = ["One", "Two"].map(|name| store.create_organisation(name, 1).unwrap().id);
        Ground { _folder: folder, store, orgs }
    }

    impl Ground {
        fn asked(&self, org: usize, cursor: Option<&str>) -> Asked {
            let org = self.orgs[org];
            let cursor = cursor.map(|text| text.parse().unwrap());
            Asked { org, cursor, rows_max: 5, state: self.store.feed_state(org).unwrap() }
        }
    }

    fn text(page: Result<Bytes, Failure>) -> String {
        String::from_utf8(page.unwrap().to_vec()).unwrap()
    }

    #[test]
    fn each_question_has_its_own_page() {
        let (ground, pages) = (ground(), Pages::default());
        let questions = [
            ground.asked(0, None),
            ground.asked(1, None),
            ground.asked(0, Some("e.1.1")),
            Asked { rows_max: 6, ..ground.asked(0, None) },
        ];
        for (number, asked) in questions.iter().enumerate() {
            let made = pages.page(asked.clone(), || Ok(Bytes::from(number.to_string())));
            assert_eq!(text(made), number.to_string());
        }
        for (number, asked) in questions.into_iter().enumerate() {
            let kept = pages.page(asked, || Ok(Bytes::from("anew")));
            assert_eq!(text(kept), number.to_string());
        }
    }

    #[test]
    fn a_change_ends_all_pages_of_its_organisation() {
        let (ground, pages) = (ground(), Pages::default());
        let (before, other) = (ground.asked(0, None), ground.asked(1, None));
        pages.page(before.clone(), || Ok(Bytes::from("before"))).unwrap();
        pages.page(other.clone(), || Ok(Bytes::from("other"))).unwrap();
        ground.store.begin_epoch(ground.orgs[0], "Ada").unwrap();
        let after = ground.asked(0, None);
        assert_ne!(before, after);
        assert_eq!(text(pages.page(after, || Ok(Bytes::from("after")))), "after");
        assert_eq!(text(pages.page(other, || Ok(Bytes::from("anew")))), "other");
        assert_eq!(pages.0.lock().unwrap().len(), 2);
    }

    #[test]
    fn a_page_is_made_once_for_all_and_a_failure_is_not_kept() {
        let (ground, pages) = (ground(), Pages::default());
        let asked = ground.asked(0, None);
        assert!(pages.page(asked.clone(), || Err(Failure::invalid("no"))).is_err());
        let (made, all_are_here) = (AtomicUsize::new(0), Barrier::new(8));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    all_are_here.wait();
                    let page = pages.page(asked.clone(), || {
                        made.fetch_add(1, Ordering::Relaxed);
                        Ok(Bytes::from("page"))
                    });
                    assert_eq!(text(page), "page");
                });
            }
        });
        assert_eq!(made.into_inner(), 1);
    }

    #[test]
    fn only_the_newest_are_kept() {
        let (ground, pages) = (ground(), Pages::default());
        for rows_max in 0..2 * KEPT {
            let asked = Asked { rows_max, ..ground.asked(0, None) };
            pages.page(asked, || Ok(Bytes::new())).unwrap();
        }
        assert_eq!(pages.0.lock().unwrap().len(), KEPT);
    }
}
