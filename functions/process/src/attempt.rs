use crate::Process;
use expedite::{
    domain::{Message, Outcome, Timestamp, backoff},
    handler::{Handler, Job, Verdict},
    metrics::Meter,
    payload::Payload,
    ports::{Clock, Entropy, MessageStore},
};
use futures_util::FutureExt;
use std::{any::Any, panic::AssertUnwindSafe};
use tokio::time::timeout;

impl<S: MessageStore, H: Handler, C: Clock, E: Entropy, M: Meter> Process<S, H, C, E, M> {
    /// Runs the handler under its deadline. A panic and an overrun are failures like any other.
    pub(crate) async fn handle(&self, message: &Message, payload: Payload) -> Verdict {
        let limit = self.limits.handler_timeout;
        let job = Job {
            id: message.id,
            tenant: message.tenant.clone(),
            trace: message.trace,
            kind: message.kind.clone(),
            priority: message.priority,
            attempt: message.attempt,
            max_attempts: message.attempt_limit,
            deadline: self.clock.now().plus(limit),
            payload,
        };
        // The handler is shared between messages; one that keeps state of its own must leave it whole when it panics.
        let guarded = AssertUnwindSafe(self.handler.handle(job)).catch_unwind();
        match timeout(limit, guarded).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(panic)) => Verdict::Retry {
                after: None,
                reason: format!("the handler panicked: {}", words(panic.as_ref())),
            },
            Err(_) => Verdict::Retry {
                after: None,
                reason: format!("the handler took longer than {} s", limit.as_secs()),
            },
        }
    }
}

/// A handler's verdict as the outcome of attempt number `attempt`.
pub(crate) fn outcome(verdict: Verdict, attempt: u32, now: Timestamp, jitter: u64) -> Outcome {
    match verdict {
        Verdict::Done => Outcome::Done,
        Verdict::Retry { after, reason } => {
            let wait = after.unwrap_or_else(|| backoff(attempt, jitter));
            Outcome::Retry { at: now.plus(wait), reason }
        }
        Verdict::Snooze { after, reason } => Outcome::Snooze { until: now.plus(after), reason },
        Verdict::Discard { reason } => Outcome::Discard { reason },
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without words")
}
