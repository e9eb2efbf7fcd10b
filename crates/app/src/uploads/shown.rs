//! Uploads as a front end sees them.

use kartei_local_store::{StoredUpload, UploadState};
use kartei_protocol::desktop::{Upload, UploadStage};
use kartei_protocol::problem::{Problem, ProblemCode};
use kartei_upload_core::Failure;
use serde_json::Value;

use crate::clock;

/// What is known of an upload only while it runs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Live {
    pub(super) stage: UploadStage,
    pub(super) durable: u64,
    pub(super) sent: u64,
    pub(super) rate: Option<f64>,
    pub(super) seconds_left: Option<f64>,
    pub(super) streams: u32,
    pub(super) request_bytes: u64,
    pub(super) problem: Option<Problem>,
    /// Milliseconds since 1970.
    pub(super) retry_at: Option<i64>,
}

/// An upload as it is shown; `here` names the relay and organisation that is signed in to.
pub(super) fn upload(stored: &StoredUpload, live: Option<&Live>, here: Option<&str>) -> Upload {
    let stage = match stored.state {
        UploadState::Waiting => UploadStage::Waiting,
        UploadState::Paused => UploadStage::Paused,
        UploadState::Done => UploadStage::Done,
        UploadState::Failed => UploadStage::Failed,
        UploadState::Changed => UploadStage::Changed,
    };
    let mut shown = Upload {
        id: stored.id,
        name: stored.new.name.clone(),
        path: stored.new.path.clone(),
        size: stored.new.print.size,
        stage,
        durable: stored.durable,
        sent: stored.durable,
        rate: None,
        seconds_left: None,
        streams: 0,
        request_bytes: 0,
        problem: stored.problem.as_deref().and_then(|text| serde_json::from_str(text).ok()),
        retry_at: None,
        file: stored.file.clone(),
        attach: stored.new.attach.clone(),
        created_at: clock::text(stored.created_at),
    };
    if stored.state != UploadState::Waiting {
        return shown;
    }
    if stored.new.relay.as_deref() != here {
        shown.problem = Some(elsewhere());
    }
    if let Some(live) = live {
        shown.stage = live.stage;
        (shown.durable, shown.sent) = (live.durable, live.sent);
        (shown.rate, shown.seconds_left) = (live.rate, live.seconds_left);
        (shown.streams, shown.request_bytes) = (live.streams, live.request_bytes);
        shown.problem.clone_from(&live.problem);
        shown.retry_at = live.retry_at.map(clock::text);
    }
    shown
}

/// A file that was chosen for one relay is not sent to another one by itself.
fn elsewhere() -> Problem {
    let message = "the file was chosen for another relay or organisation; sign in there, or begin the upload \
                   anew to send it to this one";
    Problem::new(ProblemCode::NotSignedIn, message)
}

/// A failed request, as a person can act on it.
pub(super) fn problem(failure: &Failure, detail: &str) -> Problem {
    let known: Option<ProblemCode> =
        serde_json::from_value(Value::from(failure.code.as_str())).ok();
    let (code, message) = match (failure.code.as_str(), failure.status, known) {
        ("unreachable", _, _) => (ProblemCode::Offline, detail.to_owned()),
        // No answer that could be trusted came, for the reason that the code names.
        (_, 0, Some(code)) => (code, detail.to_owned()),
        (_, 404, None | Some(ProblemCode::NotFound)) => (
            ProblemCode::RelayIncompatible,
            "this relay takes no uploads; it is of an earlier version".to_owned(),
        ),
        (_, 401, _) => (
            ProblemCode::Unauthorized,
            "the relay does not accept the token; ask your administrator for a new one".to_owned(),
        ),
        (_, 403, _) => (ProblemCode::Forbidden, format!("the relay does not allow this: {detail}")),
        (_, _, Some(code)) => (code, format!("the relay refused the upload: {detail}")),
        _ => (ProblemCode::RelayFailed, format!("the relay failed: {detail}")),
    };
    Problem::new(code, message)
}

/// The file is not the one that was chosen.
pub(super) fn changed(path: &str) -> Problem {
    let message = "the file was changed since it was chosen, and the new one was not sent; send it as it is now, \
                   or take the upload off the list";
    Problem::new(ProblemCode::FileChanged, message).about(path)
}

/// A file that cannot be read.
pub(super) fn unreadable(path: &str, error: &std::io::Error) -> Problem {
    use std::io::ErrorKind;
    let code = match error.kind() {
        ErrorKind::NotFound => ProblemCode::FileMissing,
        ErrorKind::InvalidInput | ErrorKind::IsADirectory => ProblemCode::NotAFile,
        _ => ProblemCode::FileUnreadable,
    };
    Problem::new(code, format!("{path} cannot be read: {error}")).about(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(code: &str, status: u16) -> ProblemCode {
        let failure = Failure { code: code.to_owned(), status, retry_after_ms: None };
        problem(&failure, "as the relay says").code
    }

    #[test]
    fn failures_have_the_codes_that_people_act_on() {
        assert_eq!(code("unreachable", 0), ProblemCode::Offline);
        assert_eq!(code("certificate_expired", 0), ProblemCode::CertificateExpired);
        assert_eq!(code("quota_exceeded", 413), ProblemCode::QuotaExceeded);
        assert_eq!(code("upload_gone", 410), ProblemCode::UploadGone);
        assert_eq!(code("digest_mismatch", 422), ProblemCode::DigestMismatch);
        assert_eq!(code("taken_over", 409), ProblemCode::TakenOver);
        assert_eq!(code("uploads_off", 503), ProblemCode::UploadsOff);
        assert_eq!(code("direct_off", 409), ProblemCode::DirectOff);
        assert_eq!(code("file_lost", 410), ProblemCode::FileLost);
        assert_eq!(code("unauthorized", 401), ProblemCode::Unauthorized);
        assert_eq!(code("forbidden", 403), ProblemCode::Forbidden);
        assert_eq!(code("", 404), ProblemCode::RelayIncompatible, "an earlier relay");
        assert_eq!(code("later_code", 418), ProblemCode::RelayFailed);
    }
}
