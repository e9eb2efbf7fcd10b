//! Word between programs on one database that there may be a job to begin. It holds nothing, and may get lost: who
//! hears it looks, and everybody also looks without it.
//!
//! `NOTIFY` takes a lock of the whole cluster until its transaction has ended, so it is a transaction of its own, and
//! whoever announces does so some times a second at most.

use std::pin::pin;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Config, NoTls, Socket};

use super::{Postgres, connect, get};
use crate::engine::Result;

const ANNOUNCE: &str = "NOTIFY kartei_jobs";
const LISTEN: &str = "LISTEN kartei_jobs";

/// How soon it is listened again after the connection broke.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

impl Postgres {
    pub(super) fn announce(&self) -> Result<()> {
        self.run(async { Ok(get(&self.pool).await?.batch_execute(ANNOUNCE).await?) })
    }

    /// Calls `woken` for as long as the store is open.
    pub(super) fn hear(&self, woken: Box<dyn Fn() + Send + Sync>) {
        let config = self.config.clone();
        self.runtime.spawn(async move {
            loop {
                // Why a connection ended does not matter: meanwhile everybody looks by themselves.
                let _ = if connect::wants_tls(&config) {
                    match connect::tls() {
                        Ok(tls) => listen(&config, tls, &*woken).await,
                        Err(error) => Err(error),
                    }
                } else {
                    listen(&config, NoTls, &*woken).await
                };
                tokio::time::sleep(AGAIN_AFTER).await;
            }
        });
    }
}

async fn listen<T: MakeTlsConnect<Socket>>(
    config: &Config,
    tls: T,
    woken: &(dyn Fn() + Send + Sync),
) -> Result<()>
where
    T::Stream: Send,
{
    let (client, mut connection) = config.connect(tls).await?;
    let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
    let mut listening = pin!(client.batch_execute(LISTEN));
    let mut listens = false;
    loop {
        tokio::select! {
            done = &mut listening, if !listens => {
                done?;
                listens = true;
                // What was announced before was not heard.
                woken();
            }
            message = messages.next() => match message {
                Some(Ok(AsyncMessage::Notification(_))) => woken(),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => return Ok(()),
            }
        }
    }
}
