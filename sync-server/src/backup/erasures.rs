//! Erasures, noted beside the backups, so that a backup from before them does not bring anybody back.

use anyhow::Result;
use kartei_backup::Repository;
use kartei_relay_store::{KnownErasures, RelayStore};
use kartei_sync_core::{ErasedId, ErasureKey};
use serde::{Deserialize, Serialize};

use crate::admin::now;
use crate::uploads::{bytes32, hex};

#[derive(Debug, Serialize, Deserialize)]
struct Noted {
    organisations: Vec<OfOrganisation>,
}

#[derive(Debug, Serialize, Deserialize)]
struct OfOrganisation {
    name: String,
    key: String,
    erased: Vec<ErasedOne>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ErasedOne {
    hash: String,
    at: i64,
    by: String,
}

/// What the database knows of erasures: the note's text, and how many they are.
pub(super) fn known(store: &RelayStore) -> Result<(Vec<u8>, usize)> {
    let (mut organisations, mut count) = (Vec::new(), 0);
    for organisation in store.organisations()? {
        let Some(known) = store.known_erasures(organisation.id)? else { continue };
        count += known.erased.len();
        let erased =
            known.erased.into_iter().map(|(hash, at, by)| ErasedOne { hash: hex(&hash.0), at, by });
        organisations.push(OfOrganisation {
            name: organisation.name,
            key: hex(known.key.bytes()),
            erased: erased.collect(),
        });
    }
    Ok((serde_json::to_vec(&Noted { organisations })?, count))
}

/// What was noted beside the backups.
#[derive(Debug, Default)]
pub(super) struct Register {
    notes: Vec<Noted>,
    /// When the newest one was written, as its name says.
    newest: Option<String>,
    /// Blobs of notes that cannot be read.
    unreadable: Vec<String>,
}

impl Register {
    /// Reads all notes.
    pub(super) async fn read(repository: &Repository) -> Result<Self> {
        let mut register = Self::default();
        for note in repository.notes().await? {
            match note {
                Ok(note) => match serde_json::from_slice(&note.text) {
                    Ok(noted) => {
                        register.newest.get_or_insert(note.id.to_string());
                        register.notes.push(noted);
                    }
                    Err(_) => register.unreadable.push(format!("notes/{}", note.id)),
                },
                Err(blob) => register.unreadable.push(blob),
            }
        }
        Ok(register)
    }

    /// What cannot be read of it.
    pub(super) fn unreadable(&self) -> &[String] {
        &self.unreadable
    }

    /// Does again what a restored database does not know.
    pub(super) fn apply(&self, store: &RelayStore) -> Result<()> {
        for organisation in store.organisations()? {
            let mut count = 0;
            for noted in &self.notes {
                let of_it = noted.organisations.iter().filter(|one| one.name == organisation.name);
                for known in of_it.filter_map(OfOrganisation::known) {
                    count += store.erase_again(organisation.id, &known, now())?;
                }
            }
            if count > 0 {
                println!(
                    "{}: {count} erasures after the backup were done again",
                    organisation.name
                );
            }
        }
        Ok(())
    }

    /// What the administrator has to do.
    pub(super) fn advice(&self) -> String {
        let since = match &self.newest {
            Some(id) => format!("erased after {} (UTC)", id.split('-').next().unwrap_or(id)),
            None => "erased after the backup".to_owned(),
        };
        format!(
            "Whoever was {since} is back: erase them again before others reach the relay, with \
             `kartei-relay admin erase`."
        )
    }
}

impl OfOrganisation {
    fn known(&self) -> Option<KnownErasures> {
        let erased = self.erased.iter();
        let erased =
            erased.filter_map(|one| Some((ErasedId(bytes32(&one.hash)?), one.at, one.by.clone())));
        Some(KnownErasures {
            key: ErasureKey::from_bytes(bytes32(&self.key)?),
            erased: erased.collect(),
        })
    }
}
