use crate::{Relay, Report};
use expedite::{
    domain::Timestamp,
    metrics::Meter,
    ports::{Broker, Clock, DUE_SHARDS, DueIndex, Entropy, MessageStore, SEND_LIMIT, StoreError},
};
use std::time::Duration;

/// What one page of due messages may take: its hand-over, and a little for reading and marking.
const PAGE_TIME: Duration = SEND_LIMIT.saturating_add(Duration::from_secs(4));

impl<S: MessageStore + DueIndex, B: Broker, C: Clock, E: Entropy, M: Meter> Relay<S, B, C, E, M> {
    /// Looks at every message whose time has come, page by page, and past every one that it can't help.
    pub(crate) async fn sweep(&self, ends_at: Timestamp) -> Result<Report, StoreError> {
        let mut report = Report::default();
        for shard in 0..DUE_SHARDS {
            self.sweep_shard(shard, ends_at, &mut report).await?;
        }
        if report.cut_short {
            tracing::warn!("the sweep ran out of time; the next one goes on");
        }
        Ok(report)
    }

    async fn sweep_shard(
        &self,
        shard: u8,
        ends_at: Timestamp,
        report: &mut Report,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut after = None;
        loop {
            if self.clock.now().plus(PAGE_TIME) > ends_at {
                report.cut_short = true;
                return Ok(());
            }
            let page = self.store.due(shard, now, after).await?;
            for name in &page.unreadable {
                tracing::error!(name, "an entry of the due index names no message and was passed over");
                report.unreadable += 1;
            }
            let wanted = page.keys.len();
            let messages = self.store.read_many(&page.keys).await?;
            // Left out by the store: gone, or not readable, which it has said.
            report.failed += wanted - messages.len();
            self.settle_all(messages, report).await;
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}
