use std::time::Duration;

/// The longest wait after the first failed attempt.
pub const BACKOFF_BASE: Duration = Duration::from_secs(2);

/// The longest wait after any failed attempt: the broker's scheduler holds a message back for as long, so that a
/// retry needs no second look before its time comes.
pub const BACKOFF_CAP: Duration = Duration::from_secs(15 * 60);

/// How long to wait after failed attempt number `attempt` (from 1): exponential with full jitter.
///
/// Uniform in `0..=min(BACKOFF_CAP, BACKOFF_BASE · 2^(attempt − 1))`; `jitter` picks the point, 0 the start and
/// `u64::MAX` the end. Full jitter spreads the retries of many messages that failed together, which an equal wait
/// would bring back together (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
pub fn backoff(attempt: u32, jitter: u64) -> Duration {
    let doublings = attempt.saturating_sub(1).min(31);
    let longest = BACKOFF_BASE.saturating_mul(1 << doublings).min(BACKOFF_CAP);
    let millis = longest.as_millis() * u128::from(jitter) / u128::from(u64::MAX);
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_cap() {
        let longest = |attempt| backoff(attempt, u64::MAX).as_secs();
        assert_eq!([1, 2, 3, 4, 9, 10, 20].map(longest), [2, 4, 8, 16, 512, 900, 900]);
        assert_eq!(longest(0), 2);
        assert_eq!(longest(u32::MAX), 900);
    }

    #[test]
    fn jitter_covers_the_whole_range() {
        assert_eq!(backoff(3, 0), Duration::ZERO);
        assert_eq!(backoff(3, u64::MAX / 2).as_millis(), 3_999);
        assert_eq!(backoff(3, u64::MAX), Duration::from_secs(8));
    }
}
