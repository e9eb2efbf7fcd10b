//! The host's events as a stream of server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use kartei_app::Workplace;
use kartei_protocol::events::HostEvent;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use tokio_stream::{StreamExt, once};

use crate::routes::Shared;

/// Events that wait for one slow browser at most. Imports make ten a second: this is minutes.
const WAITING_MAX: usize = 4096;

/// Hands each event to every open stream, as JSON.
#[derive(Clone)]
pub(crate) struct Events {
    sender: broadcast::Sender<Arc<str>>,
    windows: Arc<AtomicUsize>,
}

impl Events {
    /// Follows the host from now on.
    pub(crate) fn subscribe(workplace: &Workplace) -> Self {
        let (sender, _) = broadcast::channel(WAITING_MAX);
        let events = Self { sender: sender.clone(), windows: Arc::default() };
        workplace.subscribe(move |event: &HostEvent| match serde_json::to_string(event) {
            // Without an open stream nobody needs the event: a page asks for the state at first.
            Ok(text) => drop(sender.send(text.into())),
            Err(error) => tracing::error!(%error, "an event is no JSON"),
        });
        events
    }
}

/// An open page. With the last one, nothing is shown any more.
struct Window {
    workplace: Arc<Workplace>,
    windows: Arc<AtomicUsize>,
}

impl Window {
    fn open(workplace: Arc<Workplace>, windows: Arc<AtomicUsize>) -> Self {
        windows.fetch_add(1, Ordering::Relaxed);
        Self { workplace, windows }
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        if self.windows.fetch_sub(1, Ordering::Relaxed) == 1
            && let Ok(app) = self.workplace.app()
        {
            app.window_closed();
        }
    }
}

/// `GET /ipc-events`. A browser that fell too far behind is cut off; it reconnects and asks anew.
pub(crate) async fn stream(
    State(shared): State<Shared>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let events = BroadcastStream::new(shared.events.sender.subscribe());
    let until_lagging = events
        .take_while(|event| !matches!(event, Err(BroadcastStreamRecvError::Lagged(_))))
        .filter_map(Result::ok)
        .map(|text| Ok(Event::default().data(&*text)));
    // A first byte at once: the browser calls the stream open only then.
    let opened = once(Ok(Event::default().comment("open")));
    let window = Window::open(shared.workplace, shared.events.windows);
    // The window lives as long as its stream.
    let told = opened.chain(until_lagging).map(move |event| {
        let _ = &window;
        event
    });
    Sse::new(told).keep_alive(KeepAlive::default())
}
