//! What a failed request means for the upload.

/// A request that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The relay's code (docs/uploads.md); `unreachable` where no answer came.
    pub code: String,
    /// The HTTP status; 0 where no answer came.
    pub status: u16,
    /// How long the relay asks to wait, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

/// What follows from a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// The way was bad: wait, ask for the state, go on more carefully.
    Way,
    /// The relay is busy or full: wait, ask for the state, go on as before.
    Busy,
    /// The two sides do not agree on what is there: ask for the state. Only so often in a row.
    Doubt,
    /// The session is gone: begin anew. Only so often in a row.
    Gone,
    /// It would fail again: a person decides.
    Fatal,
}

impl Failure {
    /// No answer came.
    #[must_use]
    pub fn unreachable() -> Self {
        Self { code: "unreachable".to_owned(), status: 0, retry_after_ms: None }
    }

    /// What follows. Codes decide; where the relay sends none that is known, the status does.
    #[must_use]
    pub fn weight(&self) -> Weight {
        match (self.code.as_str(), self.status) {
            ("unreachable" | "too_slow", _) => Weight::Way,
            ("upload_busy" | "too_many_uploads" | "disk_full", _) => Weight::Busy,
            // What came is not what was sent: the way damaged it. Once the session ended over it (422), the
            // file is not what was announced.
            // Or another request of this upload was quicker: perhaps one whose answer was lost.
            ("digest_mismatch", 400)
            | ("offset_invalid" | "upload_incomplete" | "taken_over", _) => Weight::Doubt,
            // Only its operator can change that.
            ("uploads_off", _) => Weight::Fatal,
            ("unknown_upload" | "upload_gone", _) => Weight::Gone,
            (_, 0 | 408 | 502 | 504) => Weight::Way,
            (_, 410) => Weight::Gone,
            (_, 429 | 500..) => Weight::Busy,
            _ => Weight::Fatal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_the_contract_mean_what_it_says() {
        let weight = |code: &str, status| {
            Failure { code: code.to_owned(), status, retry_after_ms: None }.weight()
        };
        assert_eq!(Failure::unreachable().weight(), Weight::Way);
        assert_eq!(weight("too_slow", 408), Weight::Way);
        assert_eq!(weight("upload_busy", 503), Weight::Busy);
        assert_eq!(weight("disk_full", 507), Weight::Busy);
        assert_eq!(weight("too_many_uploads", 429), Weight::Busy);
        assert_eq!(weight("digest_mismatch", 400), Weight::Doubt);
        assert_eq!(weight("digest_mismatch", 422), Weight::Fatal);
        assert_eq!(weight("upload_incomplete", 409), Weight::Doubt);
        assert_eq!(weight("taken_over", 409), Weight::Doubt);
        assert_eq!(weight("uploads_off", 503), Weight::Fatal);
        assert_eq!(weight("direct_off", 409), Weight::Fatal);
        assert_eq!(weight("unknown_upload", 404), Weight::Gone);
        assert_eq!(weight("upload_gone", 410), Weight::Gone);
        for (code, status) in
            [("unauthorized", 401), ("forbidden", 403), ("quota_exceeded", 413), ("not_found", 404)]
        {
            assert_eq!(weight(code, status), Weight::Fatal, "{code}");
        }
        assert_eq!(weight("", 502), Weight::Way, "a proxy's own page");
        assert_eq!(weight("internal", 500), Weight::Busy);
    }
}
