//! What a front end asks of uploads.

use std::path::{Path, PathBuf};

use kartei_local_store::{NewUpload, StoredUpload, UploadState};
use kartei_protocol::desktop::{AddUploads, Upload, Uploads};
use kartei_protocol::problem::{Problem, ProblemCode};
use kartei_protocol::uploads::NAME_CHARS_MAX;

use super::{Message, file, shown};
use crate::app::App;
use crate::clock;
use crate::problem::of_store;
use crate::queue::FILES_MAX;
use crate::random;

/// Bytes of the random name that the relay knows an upload by.
const KEY_BYTES: usize = 16;

impl App {
    /// Sends uploads from now on, and after every sign-in.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start_uploads(&self) -> Result<(), Problem> {
        self.uploads.start(&self.shared)
    }

    pub(crate) fn add_files(&self, request: &AddUploads) -> Result<Uploads, Problem> {
        self.begin_uploads(request)?;
        self.all_uploads()
    }

    /// Adds uploads; answers their numbers.
    ///
    /// # Errors
    /// A problem of the store, or of a file; nothing was added then.
    pub fn begin_uploads(&self, request: &AddUploads) -> Result<Vec<u64>, Problem> {
        if request.paths.is_empty() || request.paths.len() > FILES_MAX {
            let message = format!("a request takes 1 to {FILES_MAX} files");
            return Err(Problem::new(ProblemCode::InvalidRequest, message));
        }
        let relay = self.uploads.board.here()?.ok_or_else(|| {
            let message = "no relay: sign in first; the file was not queued";
            Problem::new(ProblemCode::NotSignedIn, message)
        })?;
        let mut all = Vec::with_capacity(request.paths.len());
        for path in &request.paths {
            all.push(NewUpload {
                attach: request.attach.clone(),
                relay: Some(relay.clone()),
                ..chosen(Path::new(path))?
            });
        }
        let store = &self.shared.store;
        let added: Result<Vec<u64>, _> =
            all.iter().map(|new| store.add_upload(new, clock::now())).collect();
        self.uploads.thread.send(Message::Look);
        added.map_err(|e| of_store(&e))
    }

    pub(crate) fn all_uploads(&self) -> Result<Uploads, Problem> {
        Ok(Uploads { uploads: self.uploads.board.uploads()? })
    }

    fn stored_upload(&self, id: u64) -> Result<StoredUpload, Problem> {
        self.shared.store.upload(id).map_err(|e| of_store(&e))
    }

    pub(crate) fn hold_upload(&self, id: u64) -> Result<Upload, Problem> {
        let upload = self.stored_upload(id)?;
        if upload.state == UploadState::Waiting {
            self.uploads.board.set(id, UploadState::Paused, None);
            self.uploads.thread.send(Message::Hold(id));
        }
        self.uploads.board.upload(id)
    }

    pub(crate) fn go_on_with_upload(&self, id: u64) -> Result<Upload, Problem> {
        match self.stored_upload(id)?.state {
            UploadState::Paused => {
                self.uploads.board.set(id, UploadState::Waiting, None);
                self.uploads.thread.send(Message::Look);
            }
            UploadState::Waiting => self.uploads.thread.send(Message::Nudge(id)),
            UploadState::Done | UploadState::Failed | UploadState::Changed => {
                let message = "only an upload that is held or waits can go on";
                return Err(Problem::new(ProblemCode::Blocked, message));
            }
        }
        self.uploads.board.upload(id)
    }

    pub(crate) fn end_upload(&self, id: u64) -> Result<Uploads, Problem> {
        let upload = self.stored_upload(id)?;
        self.shared.store.forget_upload(id).map_err(|e| of_store(&e))?;
        self.uploads.board.live().remove(&id);
        self.uploads.thread.send(Message::Cancel(Box::new(upload)));
        self.all_uploads()
    }

    /// Ends an upload here and at the relay, where nothing runs in the background that would.
    ///
    /// # Errors
    /// A problem of the store. Where only the relay cannot be told, the session expires there by itself.
    pub fn cancel_at_once(&self, id: u64) -> Result<(), Problem> {
        let upload = self.stored_upload(id)?;
        self.end_upload(id)?;
        if let (Some(session), Some(client)) = (upload.session, self.shared.relay()?)
            && let Err(error) = crate::sync::block_on(client.abort_upload(&session))?
        {
            tracing::info!(code = error.failure.code, "An upload's session was not ended");
        }
        Ok(())
    }

    pub(crate) fn begin_upload_anew(&self, id: u64) -> Result<Upload, Problem> {
        let upload = self.stored_upload(id)?;
        let relay = self.uploads.board.here()?;
        let is_elsewhere = upload.state == UploadState::Waiting && upload.new.relay != relay;
        if !matches!(upload.state, UploadState::Failed | UploadState::Changed) && !is_elsewhere {
            let message = "only an upload that failed or whose file changed can begin anew";
            return Err(Problem::new(ProblemCode::Blocked, message));
        }
        let NewUpload { print, key, .. } = chosen(Path::new(&upload.new.path))?;
        let store = &self.shared.store;
        store.restart_upload(id, &print, relay.as_deref(), &key).map_err(|e| of_store(&e))?;
        self.uploads.board.tell(id);
        self.uploads.thread.send(Message::Look);
        self.uploads.board.upload(id)
    }

    pub(crate) fn take_upload_off(&self, id: u64) -> Result<Uploads, Problem> {
        if self.stored_upload(id)?.state == UploadState::Waiting {
            let message = "the upload goes on; cancel it rather than taking it off the list";
            return Err(Problem::new(ProblemCode::Blocked, message));
        }
        self.end_upload(id)
    }
}

/// A file as it is now, with a new name for the relay.
fn chosen(path: &Path) -> Result<NewUpload, Problem> {
    // Programs with other working folders go on with it.
    let path: PathBuf = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let shown = path.display().to_string();
    let print = file::print_of(&path).map_err(|e| shown::unreadable(&shown, &e))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name: String = name.chars().take(NAME_CHARS_MAX).collect();
    let key = random::hex::<KEY_BYTES>()?;
    Ok(NewUpload { path: shown, name, print, relay: None, key, attach: None })
}
