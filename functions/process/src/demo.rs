use expedite::{
    domain::Timestamp,
    handler::{Handler, Job, Verdict},
    ports::Clock,
    view::parse_rfc3339,
};
use serde::Deserialize;
use std::time::Duration;

/// Works as the payload says, so that the system can be tried out without any handler:
///
/// | member | meaning |
/// |---|---|
/// | `work_ms` | how long to work, in milliseconds |
/// | `snooze_until` | come back at that time (RFC 3339), without counting an attempt |
/// | `fail_times` | that many attempts fail |
/// | `retry_after_ms` | how long to wait after a failed one; the backoff where it is missing |
/// | `discard` | `true`: can never succeed |
/// | `panic` | `true`: the handler panics |
///
/// Anything else in the payload is passed over; a payload that is no object is done at once.
pub struct DemoHandler<C> {
    /// What time it is, for `snooze_until`.
    pub clock: C,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Script {
    work_ms: u64,
    snooze_until: Option<String>,
    fail_times: u32,
    retry_after_ms: Option<u64>,
    discard: bool,
    panic: bool,
}

impl<C: Clock> Handler for DemoHandler<C> {
    async fn handle(&self, job: Job) -> Verdict {
        let script: Script = serde_json::from_str(job.payload.get()).unwrap_or_default();
        if let Some(until) = script.snooze_until.as_deref().and_then(parse_rfc3339)
            && let now = self.clock.now()
            && until > now
        {
            return snooze(now, until);
        }
        tokio::time::sleep(Duration::from_millis(script.work_ms)).await;
        assert!(!script.panic, "the payload asked for it");
        if script.discard {
            return Verdict::Discard { reason: "the payload says discard".to_owned() };
        }
        if job.attempt <= script.fail_times {
            let reason = format!("the payload says fail {} times", script.fail_times);
            return Verdict::Retry { after: script.retry_after_ms.map(Duration::from_millis), reason };
        }
        Verdict::Done
    }
}

fn snooze(now: Timestamp, until: Timestamp) -> Verdict {
    Verdict::Snooze { after: now.until(until), reason: "the payload says snooze".to_owned() }
}
