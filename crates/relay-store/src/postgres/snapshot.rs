//! A snapshot on a connection of its own, on Postgres.
//!
//! The rows come as one answer that the server sends as fast as it is read, so neither side holds
//! more of it than some buffers.

use std::pin::Pin;

use deadpool_postgres::ClientWrapper;
use futures_util::StreamExt;
use futures_util::stream::Fuse;
use tokio::runtime::Handle;
use tokio_postgres::RowStream;

use super::profiles::{ROW, as_row};
use super::upkeep::{HEAD, read_head};
use super::{Postgres, get};
use crate::access::OrgId;
use crate::engine::{FeedLimits, Head, Meter, Result, Row};
use crate::snapshot::Rows;

/// Within a transaction that the connection's end ends: dropping the client closes its socket.
pub(super) struct PostgresRows {
    /// Dropped before the client that it comes from.
    stream: Option<Pin<Box<Fuse<RowStream>>>>,
    client: ClientWrapper,
    runtime: Handle,
    org: OrgId,
}

impl std::fmt::Debug for PostgresRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PostgresRows")
    }
}

impl Postgres {
    pub(super) async fn begin_snapshot(&self, org: OrgId) -> Result<(Head, PostgresRows)> {
        // Taken out of the pool: who waits for a slow client must not wait with one of its places.
        let client = get(&self.pool).await?.own();
        // Sorting would read everything before the first row; the index has the order already.
        client
            .batch_execute(
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL enable_sort = off",
            )
            .await?;
        client
            .query_one("SELECT set_config('kartei.org', $1, true)", &[&org.0.to_string()])
            .await?;
        let row = client.query_one(HEAD, &[&org.0]).await?;
        let runtime = self.runtime.clone();
        Ok((read_head(&row), PostgresRows { stream: None, client, runtime, org }))
    }
}

impl PostgresRows {
    async fn read(&mut self, limits: FeedLimits) -> Result<Vec<Row>> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => {
                let sql = format!("{ROW} WHERE org = $1 AND NOT deleted ORDER BY id");
                let answer = self.client.query_raw(&sql, [self.org.0]).await?;
                // Asked behind its end, the library's own stream fails.
                none.insert(Box::pin(answer.fuse()))
            }
        };
        let (mut rows, mut meter) = (Vec::new(), Meter::new(limits));
        while let Some(row) = stream.next().await {
            let row = as_row(&row?)?;
            let enough = meter.took(row.record.len());
            rows.push(row);
            if enough {
                break;
            }
        }
        Ok(rows)
    }
}

impl Rows for PostgresRows {
    fn next(&mut self, limits: FeedLimits) -> Result<Vec<Row>> {
        let runtime = self.runtime.clone();
        runtime.block_on(self.read(limits))
    }

    fn rewind(&mut self) -> Result<()> {
        self.stream = None;
        Ok(())
    }
}
