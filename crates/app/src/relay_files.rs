//! Files at the relay: list, rename, attach, import, delete.

use kartei_protocol::desktop::{
    FileAt, FileId, FileList, ListFiles, RelayFile, RelayImport, RenameFile,
};
use kartei_protocol::problem::{Problem, ProblemCode};
use kartei_protocol::uploads::{FileInfo, NAME_CHARS_MAX};
use kartei_relay_client::{FilesAsked, RelayClient, RelayError};

use crate::app::App;
use crate::clock;
use crate::problem::of_relay;
use crate::sync;

/// Files of a page.
const PAGE_FILES: u32 = 100;

fn shown(file: FileInfo) -> RelayFile {
    RelayFile {
        id: file.id,
        name: file.name,
        size: file.size,
        content_type: file.content_type,
        digest: file.digest,
        created_at: clock::text(file.created_at),
        by: file.by,
        scan: file.scan,
        profiles: file.profiles,
    }
}

impl App {
    pub(crate) fn relay_client(&self) -> Result<RelayClient, Problem> {
        self.shared.relay()?.ok_or_else(not_signed_in)
    }

    pub(crate) fn files(&self, request: ListFiles) -> Result<FileList, Problem> {
        let asked = FilesAsked {
            name: request.filter.trim().to_owned(),
            profile: request.profile,
            cursor: request.cursor,
            limit: PAGE_FILES,
        };
        let client = self.relay_client()?;
        let page = sync::block_on(client.files(&asked))?.map_err(|e| of_relay(&e))?;
        let Some(page) = page else { return Ok(FileList::default()) };
        let files = page.files.into_iter().map(shown).collect();
        Ok(FileList { supported: true, files, next: page.next })
    }

    pub(crate) fn name_file(&self, request: &RenameFile) -> Result<RelayFile, Problem> {
        let name = request.name.trim();
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
            let message = format!("a file's name has 1 to {NAME_CHARS_MAX} characters");
            return Err(Problem::new(ProblemCode::InvalidRequest, message));
        }
        let client = self.relay_client()?;
        let file = sync::block_on(client.rename_file(&request.id, name))?;
        file.map(shown).map_err(|e| of_file(&e, &request.id))
    }

    pub(crate) fn remove_file(&self, request: &FileId) -> Result<(), Problem> {
        let client = self.relay_client()?;
        sync::block_on(client.delete_file(&request.id))?.map_err(|e| of_file(&e, &request.id))
    }

    pub(crate) fn attach_or_detach(
        &self,
        request: &FileAt,
        attached: bool,
    ) -> Result<RelayFile, Problem> {
        let client = self.relay_client()?;
        let FileAt { id, profile } = request;
        let file = sync::block_on(async {
            client.attach_file(id, profile, attached).await?;
            client.file(id).await
        })?;
        file.map(shown).map_err(|e| of_file(&e, id))
    }

    pub(crate) fn import_there(&self, request: &FileId) -> Result<RelayImport, Problem> {
        let client = self.relay_client()?;
        let import = sync::block_on(client.import_file(&request.id))?;
        Ok(RelayImport { import: import.map_err(|e| of_file(&e, &request.id))? })
    }
}

pub(crate) fn not_signed_in() -> Problem {
    Problem::new(ProblemCode::NotSignedIn, "no relay: sign in first")
}

pub(crate) fn of_file(error: &RelayError, id: &str) -> Problem {
    if let RelayError::Refused { status: 404, .. } = error {
        let message = "the relay has no such file any more";
        return Problem::new(ProblemCode::NotFound, message).about(id);
    }
    of_relay(error)
}
