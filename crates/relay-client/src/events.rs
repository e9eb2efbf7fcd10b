//! The relay's event stream (server-sent events, as the HTML standard describes them).

use kartei_protocol::sync::HeadNotice;
use reqwest::Response;

use crate::error::RelayError;

/// A field of an event is some tens of bytes; a stream without line ends is none.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// Notices of the relay's newest revision.
#[derive(Debug)]
pub struct HeadNotices {
    response: Response,
    buffer: Vec<u8>,
}

impl HeadNotices {
    pub(crate) fn new(response: Response) -> Self {
        Self { response, buffer: Vec::new() }
    }

    /// Waits for the next notice; `None` when the relay ends the stream.
    ///
    /// # Errors
    /// [`RelayError`] when the connection breaks.
    pub async fn next(&mut self) -> Result<Option<HeadNotice>, RelayError> {
        loop {
            while let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                if let Some(notice) = parse(&line) {
                    return Ok(Some(notice));
                }
            }
            if self.buffer.len() > LINE_BYTES_MAX {
                return Err(RelayError::Incompatible("events: a line without end".to_owned()));
            }
            match self.response.chunk().await {
                Ok(Some(chunk)) => self.buffer.extend_from_slice(&chunk),
                Ok(None) => return Ok(None),
                Err(error) => return Err(RelayError::from_http(&error)),
            }
        }
    }
}

/// Notices are one `data` line each; comments and other fields are passed over.
fn parse(line: &[u8]) -> Option<HeadNotice> {
    let data = line.strip_prefix(b"data:")?;
    serde_json::from_slice(data).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_data_lines_are_notices() {
        assert_eq!(parse(b"data: {\"head_rev\":7}\n"), Some(HeadNotice { head_rev: 7 }));
        assert_eq!(parse(b": keep-alive\n"), None);
        assert_eq!(parse(b"event: head\r\n"), None);
        assert_eq!(parse(b"\n"), None);
    }
}
