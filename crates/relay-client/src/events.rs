//! The relay's event stream (server-sent events, as the HTML standard describes them).

use kartei_protocol::jobs::JobEvent;
use kartei_protocol::sync::{HeadNotice, PresenceNotice};
use reqwest::Response;

use crate::error::RelayError;

/// Bytes of one line at most: a relay tells of a thousand open profiles at once, each with its id and
/// a name, which is under half of this. A stream without line ends is none.
const LINE_BYTES_MAX: usize = 1024 * 1024;

/// What the relay tells without being asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The newest revision.
    Head(HeadNotice),
    /// Who else has which profile open.
    Presence(PresenceNotice),
}

/// An event of a stream: its name, and its data, which the relay writes as one line.
#[derive(Debug, Default)]
struct Event {
    name: Vec<u8>,
    data: Vec<u8>,
}

impl Event {
    /// Takes a line; answers the event that an empty line ends. Comments and other fields are passed over.
    fn take(&mut self, line: &[u8]) -> Option<Self> {
        let line = line.trim_ascii_end();
        if let Some(name) = line.strip_prefix(b"event:") {
            self.name = name.trim_ascii().to_vec();
        } else if let Some(data) = line.strip_prefix(b"data:") {
            self.data = data.to_vec();
        } else if line.is_empty() {
            return Some(std::mem::take(self));
        }
        None
    }

    /// What it tells. Events of other names, and data that is not understood, are passed over: later
    /// relays may tell more.
    fn notice(&self) -> Option<Notice> {
        match self.name.as_slice() {
            b"head" => serde_json::from_slice(&self.data).ok().map(Notice::Head),
            b"presence" => serde_json::from_slice(&self.data).ok().map(Notice::Presence),
            _ => None,
        }
    }
}

/// Events as they come.
#[derive(Debug)]
struct Events {
    response: Response,
    buffer: Vec<u8>,
    /// How much of the buffer was looked through for a line end.
    looked: usize,
    event: Event,
}

impl Events {
    fn new(response: Response) -> Self {
        Self { response, buffer: Vec::new(), looked: 0, event: Event::default() }
    }

    async fn next(&mut self) -> Result<Option<Event>, RelayError> {
        loop {
            while let Some(at) = self.buffer[self.looked..].iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=self.looked + at).collect();
                self.looked = 0;
                if let Some(event) = self.event.take(&line) {
                    return Ok(Some(event));
                }
            }
            self.looked = self.buffer.len();
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

/// Notices of the relay, as they come.
#[derive(Debug)]
pub struct Notices(Events);

impl Notices {
    pub(crate) fn new(response: Response) -> Self {
        Self(Events::new(response))
    }

    /// Waits for the next notice; `None` when the relay ends the stream.
    ///
    /// # Errors
    /// [`RelayError`] when the connection breaks.
    pub async fn next(&mut self) -> Result<Option<Notice>, RelayError> {
        while let Some(event) = self.0.next().await? {
            if let Some(notice) = event.notice() {
                return Ok(Some(notice));
            }
        }
        Ok(None)
    }
}

/// What happens to an analysis, as it happens.
#[derive(Debug)]
pub struct JobNotices(Events);

impl JobNotices {
    pub(crate) fn new(response: Response) -> Self {
        Self(Events::new(response))
    }

    /// Waits for the next event; `None` behind the last one, or where the relay stops.
    ///
    /// # Errors
    /// [`RelayError`] when the connection breaks.
    pub async fn next(&mut self) -> Result<Option<JobEvent>, RelayError> {
        while let Some(event) = self.0.next().await? {
            if let Ok(event) = serde_json::from_slice(&event.data) {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use kartei_protocol::sync::OpenAt;

    use super::*;

    fn read(text: &str) -> Vec<Notice> {
        let mut event = Event::default();
        let events = text.split_inclusive('\n').filter_map(|line| event.take(line.as_bytes()));
        events.filter_map(|event| event.notice()).collect()
    }

    #[test]
    fn events_are_told_by_their_names() {
        let open = OpenAt { id: "p".to_owned(), people: vec!["Ben".to_owned()] };
        assert_eq!(
            read(
                "event: head\r\nid: 7\r\ndata: {\"head_rev\":7}\r\n\r\n: keep-alive\n\n\
                 event:presence\ndata:{\"full\":true,\"profiles\":[{\"id\":\"p\",\"people\":[\"Ben\"]}]}\n\n"
            ),
            [
                Notice::Head(HeadNotice { head_rev: 7 }),
                Notice::Presence(PresenceNotice { full: true, profiles: vec![open] })
            ]
        );
    }

    #[test]
    fn what_is_not_known_is_passed_over() {
        assert_eq!(read("event: later\ndata: {\"head_rev\":7}\n\n"), []);
        assert_eq!(read("event: head\ndata: nonsense\n\n"), []);
        assert_eq!(read("event: head\ndata: {\"head_rev\":7}\n"), [], "not ended yet");
    }
}
