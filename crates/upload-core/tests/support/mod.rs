//! A relay of numbers: it follows docs/uploads.md, and keeps no bytes.

use std::collections::BTreeMap;

use kartei_pieces::Ranges;
use kartei_protocol::uploads::{UploadPhase, UploadState};
use kartei_upload_core::{Failure, Step};

/// A session.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) received: Ranges,
    pub(crate) phase: UploadPhase,
}

/// What a relay answers.
pub(crate) type Reply = Result<UploadState, Failure>;

/// The relay.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) size: u64,
    pub(crate) piece: u64,
    pub(crate) request_max: u64,
    pub(crate) streams_max: u32,
    pub(crate) sessions: BTreeMap<String, Session>,
    pub(crate) completed: u32,
}

pub(crate) fn failure(code: &str, status: u16) -> Failure {
    Failure { code: code.to_owned(), status, retry_after_ms: None }
}

impl Model {
    pub(crate) fn new(size: u64, piece: u64, request_max: u64, streams_max: u32) -> Self {
        Self { size, piece, request_max, streams_max, sessions: BTreeMap::new(), completed: 0 }
    }

    fn state(&self, id: &str) -> Reply {
        let Some(session) = self.sessions.get(id) else {
            return Err(failure("unknown_upload", 404));
        };
        let received_bytes = session.received.len();
        Ok(UploadState {
            id: id.to_owned(),
            state: session.phase,
            name: "file.bin".to_owned(),
            size: Some(self.size),
            received: session.received.as_slice().to_vec(),
            received_bytes,
            piece_bytes: self.piece,
            request_bytes_max: self.request_max,
            streams_max: self.streams_max,
            expires_at: 0,
            digest: None,
            file: (session.phase == UploadPhase::Completed).then(|| format!("file-{id}")),
            problem: None,
        })
    }

    /// What the relay does with a step of which `arrived` bytes came, and what it answers.
    ///
    /// # Panics
    /// Where the contract does not allow the request.
    pub(crate) fn take(&mut self, session: Option<&str>, step: Step, arrived: u64) -> Reply {
        let id = match step {
            Step::Create { generation, .. } => format!("s{generation}"),
            _ => session.expect("only creating needs no session").to_owned(),
        };
        if let Step::Create { whole, .. } = step {
            let fresh = Session { received: Ranges::default(), phase: UploadPhase::Open };
            self.sessions.entry(id.clone()).or_insert(fresh);
            if whole {
                self.store(&id, 0, self.size, arrived);
                self.complete(&id);
            }
            return self.state(&id);
        }
        self.state(&id)?;
        match step {
            Step::Send { from, to } => {
                assert!(from.is_multiple_of(self.piece), "{from} begins no piece");
                assert!(to == self.size || to.is_multiple_of(self.piece), "{to} ends no piece");
                assert!(from < to && to - from <= self.request_max, "{from}..{to} is no request");
                if self.sessions[&id].phase == UploadPhase::Open {
                    self.store(&id, from, to, arrived);
                }
            }
            Step::Complete => {
                if !self.complete(&id) {
                    return Err(failure("upload_incomplete", 409));
                }
            }
            Step::Abort => self.session(&id).phase = UploadPhase::Aborted,
            Step::Ask | Step::Create { .. } => {}
        }
        self.state(&id)
    }

    fn session(&mut self, id: &str) -> &mut Session {
        self.sessions.get_mut(id).expect("asked for before")
    }

    fn store(&mut self, id: &str, from: u64, to: u64, arrived: u64) {
        let end = if arrived >= to - from { to } else { from + arrived / self.piece * self.piece };
        self.session(id).received.add(from, end);
    }

    fn complete(&mut self, id: &str) -> bool {
        let size = self.size;
        let session = self.session(id);
        let is_ours = matches!(session.phase, UploadPhase::Open | UploadPhase::Completing);
        if session.received.covers(size) && is_ours {
            session.phase = UploadPhase::Completed;
            self.completed += 1;
        }
        self.sessions[id].phase == UploadPhase::Completed
    }
}
