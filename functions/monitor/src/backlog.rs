use crate::Monitor;
use expedite::{
    domain::{LOOKED_AT_WITHIN, Priority, State, Timestamp},
    metrics::Meter,
    ports::{Backlog, BrokerWatch, Clock, DUE_SHARDS, MappingWatch, StoreError, Unfinished, UnfinishedPage},
};
use futures_util::future::try_join_all;
use std::time::Duration;

/// Pages that are read of each shard at the most. A page is 1 MB, some 6 000 messages, so that a look sees a quarter of
/// a million, for about 5 000 read units.
const PAGES: usize = 10;

/// What one page may take, and what is said after the last one.
const PAGE_TIME: Duration = Duration::from_secs(5);

/// How late somebody may be before it counts: the sweep comes once a minute, and takes a moment.
const OVERDUE_AFTER: Duration = Duration::from_secs(120);

/// What is not finished.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// By priority, in the order of [`Priority::ALL`].
    pub classes: [Class; 3],
    /// Messages that nobody has looked at for two minutes longer than they should have.
    pub overdue: usize,
    /// Of these, those that are owed to the broker.
    pub handovers_overdue: usize,
    /// For how long the broker has been owed what it has been owed for the longest, beyond the time that its sender or
    /// the stream has for it; zero where nothing is late.
    pub outbox_age: Duration,
    /// Whether there is more than one look can read. Everything here is then a lower bound.
    pub cut_short: bool,
}

/// The messages of one priority whose time has come and which are not finished.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Class {
    /// How many.
    pub messages: usize,
    /// How long ago the time of the oldest one came; zero where there is none.
    pub oldest: Duration,
}

impl Sight {
    /// What is known of that priority.
    pub const fn class(&self, priority: Priority) -> &Class {
        &self.classes[place(priority)]
    }

    fn add(&mut self, message: &Unfinished, now: Timestamp) {
        if message.deliver_at <= now {
            let class = &mut self.classes[place(message.priority)];
            class.messages += 1;
            class.oldest = class.oldest.max(message.deliver_at.until(now));
        }
        let late = message.due_at.until(now);
        let is_owed = matches!(message.state, State::Accepted | State::Retrying);
        if is_owed {
            self.outbox_age = self.outbox_age.max(late);
        }
        if late > OVERDUE_AFTER {
            self.overdue += 1;
            self.handovers_overdue += usize::from(is_owed);
        }
    }

    fn merge(mut self, other: Self) -> Self {
        for (mine, theirs) in self.classes.iter_mut().zip(other.classes) {
            mine.messages += theirs.messages;
            mine.oldest = mine.oldest.max(theirs.oldest);
        }
        Self {
            overdue: self.overdue + other.overdue,
            handovers_overdue: self.handovers_overdue + other.handovers_overdue,
            outbox_age: self.outbox_age.max(other.outbox_age),
            cut_short: self.cut_short || other.cut_short,
            ..self
        }
    }
}

/// Where a priority stands in [`Priority::ALL`].
const fn place(priority: Priority) -> usize {
    match priority {
        Priority::High => 0,
        Priority::Medium => 1,
        Priority::Low => 2,
    }
}

impl<Q: BrokerWatch, M: MappingWatch, B: Backlog, C: Clock, E: Meter> Monitor<Q, M, B, C, E> {
    /// Everything whose time has come, all shards at once. What lies far off is due later and is not read.
    pub(crate) async fn sight(&self, now: Timestamp, ends_at: Timestamp) -> Result<Sight, StoreError> {
        let shards = try_join_all((0..DUE_SHARDS).map(|shard| self.shard(shard, now, ends_at))).await?;
        Ok(shards.into_iter().fold(Sight::default(), Sight::merge))
    }

    async fn shard(&self, shard: u8, now: Timestamp, ends_at: Timestamp) -> Result<Sight, StoreError> {
        let mut sight = Sight::default();
        let mut after = None;
        for _ in 0..PAGES {
            if self.clock.now().plus(PAGE_TIME) > ends_at {
                break;
            }
            let UnfinishedPage { messages, next, unreadable } =
                self.backlog.unfinished(shard, now.plus(LOOKED_AT_WITHIN), after).await?;
            messages.iter().for_each(|message| sight.add(message, now));
            if unreadable > 0 {
                tracing::error!(shard, unreadable, "entries of the due index are no messages");
            }
            after = next;
            if after.is_none() {
                return Ok(sight);
            }
        }
        sight.cut_short = true;
        Ok(sight)
    }
}
