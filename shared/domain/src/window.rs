//! How long each step may take before somebody else looks.

use crate::time::Timestamp;
use std::time::Duration;

/// How near its time a message goes to the broker, which then holds it back.
///
/// Further off it stays in the table: cancelling and moving it is free there, and the broker's scheduler store,
/// which blocks senders for ever once it is full, stays small.
pub(crate) const HANDOVER_WINDOW: Duration = Duration::from_secs(15 * 60);

/// How long `ingest` has for its hand-over before the relay takes it: more than the function's time limit.
pub(crate) const INGEST_GRACE: Duration = Duration::from_secs(30);

/// How long the stream has to bring an owed hand-over to the relay before the sweep takes it. The stream's p99 is
/// about half a second; the rest is for its retries.
pub(crate) const RELAY_GRACE: Duration = Duration::from_secs(30);

/// How long a message that the broker held back may be overdue before it is handed over again.
///
/// The broker can lose one: its scheduler forgets a job whose hand-over to the queue throws. It is late by a second or
/// two under load (`docs/decisions.md`); with a sweep a minute the loss is found within two. A second copy is harmless,
/// since both carry the same epoch and only one can claim.
pub(crate) const SCHEDULED_GRACE: Duration = Duration::from_secs(60);

/// How long a message may wait in the queue itself before it is handed over again. The broker has confirmed it there,
/// so it is most likely waiting its turn; a copy for each quarter of an hour bounds what a long queue grows by.
pub(crate) const QUEUED_GRACE: Duration = Duration::from_secs(15 * 60);

/// From when its time has come, a message that is not final is looked at after this long at the latest: a quarter of an hour
/// in the queue, or the end of an attempt, which is bounded by Lambda's own 15 minutes, and a minute for what is added to
/// either.
pub const LOOKED_AT_WITHIN: Duration = Duration::from_secs(16 * 60);

/// Whether the broker may hold a message until `deliver_at`.
pub(crate) fn within_window(deliver_at: Timestamp, now: Timestamp) -> bool {
    deliver_at.minus(HANDOVER_WINDOW) <= now
}

/// When the sweep has to look at a hand-over that is owed from `now` on: after `grace`, or when its window opens.
pub(crate) fn handover_due(deliver_at: Timestamp, now: Timestamp, grace: Duration) -> Timestamp {
    now.plus(grace).max(deliver_at.minus(HANDOVER_WINDOW))
}

/// The earlier one of a moment and an end, where there is an end.
pub(crate) fn no_later(at: Timestamp, end: Option<Timestamp>) -> Timestamp {
    end.map_or(at, |end| at.min(end))
}
