//! Uploads and files: sessions, what landed, contents, files, and what they take up.

pub(crate) mod contents;
pub(crate) mod files;
pub(crate) mod landing;
pub(crate) mod races;
pub(crate) mod sessions;
pub(crate) mod usage;
pub(crate) mod whole;

use kartei_protocol::uploads::ScanState;
use kartei_relay_store::{
    FileRow, LandedRow, NewUploadRow, Noted, OrgId, RelayStore, Tail, UploadBegun, UploadCompleted,
    UploadDone, UploadLimits, UploadNote, UploadRow,
};

use crate::stage::NOW;

pub(crate) const PIECE: u64 = 1 << 20;
pub(crate) const LIMITS: UploadLimits = UploadLimits { open_max: 100 };
pub(crate) const EXPIRES: i64 = NOW + 3_600_000;

pub(crate) fn new(id: &str, size: Option<u64>) -> NewUploadRow {
    NewUploadRow {
        id: id.to_owned(),
        token: 7,
        by: "Ada".to_owned(),
        door: "record".to_owned(),
        key: None,
        name: format!("{id}.csv"),
        content_type: Some("text/csv".to_owned()),
        meta: Some("{}".to_owned()),
        size,
        blob: format!("files/{id}"),
        place: String::new(),
        piece_bytes: PIECE,
        wrapped_key: vec![9; 60],
        digest: None,
        sha256: Some([3; 32]),
        expires_at: EXPIRES,
    }
}

pub(crate) fn begin(store: &RelayStore, org: OrgId, id: &str, size: Option<u64>) -> UploadRow {
    match store.begin_upload(org, &new(id, size), &LIMITS, NOW).unwrap() {
        UploadBegun::Begun(row) => *row,
        other => panic!("not begun: {other:?}"),
    }
}

pub(crate) fn run(offset: u64, len: u64) -> LandedRow {
    LandedRow { offset, len, tree: offset.to_le_bytes().to_vec(), part: None }
}

pub(crate) fn note(org: OrgId, id: &str, landed: &[LandedRow]) -> UploadNote {
    UploadNote {
        org,
        id: id.to_owned(),
        landed: landed.to_vec(),
        tail: None,
        now: NOW + 1,
        expires_at: EXPIRES + 1,
    }
}

pub(crate) fn land(store: &RelayStore, org: OrgId, id: &str, landed: &[LandedRow]) -> Noted {
    store.note_landed(&[note(org, id, landed)]).unwrap().remove(0)
}

pub(crate) fn tail(seq: u64, offset: u64, len: u64) -> Tail {
    Tail { seq, offset, len }
}

/// Content that a number stands for.
pub(crate) fn done(file: &str, content: u8, size: u64) -> UploadDone {
    UploadDone {
        digest: [content; 32],
        size,
        content_type: "text/csv".to_owned(),
        file_id: file.to_owned(),
        scan: ScanState::NotScanned,
        now: NOW + 2,
    }
}

/// The file, and whether its content is new.
pub(crate) fn finished(completed: UploadCompleted) -> (FileRow, bool) {
    match completed {
        UploadCompleted::Done { file, is_new_content } => (*file, is_new_content),
        other => panic!("not completed: {other:?}"),
    }
}

/// A whole upload: the session `up-FILE` becomes the file.
pub(crate) fn upload(
    store: &RelayStore,
    org: OrgId,
    file: &str,
    content: u8,
    size: u64,
) -> (FileRow, bool) {
    let id = format!("up-{file}");
    begin(store, org, &id, Some(size));
    if size > 0 {
        assert_eq!(land(store, org, &id, &[run(0, size)]), Noted::Open);
    }
    finished(store.complete_upload(org, &id, &done(file, content, size)).unwrap())
}
