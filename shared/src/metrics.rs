//! Metrics: lines of JSON on standard output, in CloudWatch's embedded metric format. CloudWatch reads them out of the
//! logs, so counting costs no call and fails for no reason of its own.

use expedite_domain::Timestamp;
use serde_json::{Map, Value, json};

/// The namespace of all metrics.
pub const NAMESPACE: &str = "Expedite";

/// What is counted. The dimension is the function that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Messages that were still owed to the broker when the sweep came: their sender failed, or died.
    HandoversOverdue,
    /// Messages that the broker held and did not deliver in time.
    DeliveriesOverdue,
    /// Attempts that ended without an outcome.
    LeasesLapsed,
    /// Messages that were raised one class after a long wait.
    MessagesAged,
    /// Messages that were not started by the end that their caller had set.
    MessagesExpired,
    /// Deliveries that the broker gave up on, and that were counted as attempts.
    DeadLetters,
    /// Dead letters that belong to no message.
    Strays,
}

impl Metric {
    /// All metrics.
    pub const ALL: [Self; 7] = [
        Self::HandoversOverdue,
        Self::DeliveriesOverdue,
        Self::LeasesLapsed,
        Self::MessagesAged,
        Self::MessagesExpired,
        Self::DeadLetters,
        Self::Strays,
    ];

    /// Its name in CloudWatch.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HandoversOverdue => "HandoversOverdue",
            Self::DeliveriesOverdue => "DeliveriesOverdue",
            Self::LeasesLapsed => "LeasesLapsed",
            Self::MessagesAged => "MessagesAged",
            Self::MessagesExpired => "MessagesExpired",
            Self::DeadLetters => "DeadLetters",
            Self::Strays => "Strays",
        }
    }
}

/// Says how much of each there was. What there was none of is left out.
#[expect(clippy::print_stdout, reason = "standard output is where CloudWatch reads metrics")]
pub fn count(function: &str, at: Timestamp, counts: &[(Metric, usize)]) {
    if let Some(line) = line(function, at, counts) {
        println!("{line}");
    }
}

/// The line that says it; none where there is nothing to say.
fn line(function: &str, at: Timestamp, counts: &[(Metric, usize)]) -> Option<Value> {
    let counts: Vec<_> = counts.iter().filter(|(_, count)| *count > 0).collect();
    if counts.is_empty() {
        return None;
    }
    let definitions: Vec<_> =
        counts.iter().map(|(metric, _)| json!({"Name": metric.name(), "Unit": "Count"})).collect();
    let mut line = Map::new();
    line.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": at.millis(),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [["function"]],
                "Metrics": definitions,
            }],
        }),
    );
    line.insert("function".to_owned(), json!(function));
    line.extend(counts.iter().map(|(metric, count)| (metric.name().to_owned(), json!(count))));
    Some(Value::Object(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_defines_what_it_holds() {
        let counts = [(Metric::LeasesLapsed, 3), (Metric::MessagesAged, 0), (Metric::MessagesExpired, 1)];
        let expected = json!({
            "_aws": {
                "Timestamp": 1_769_860_800_000_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "Expedite",
                    "Dimensions": [["function"]],
                    "Metrics": [
                        {"Name": "LeasesLapsed", "Unit": "Count"},
                        {"Name": "MessagesExpired", "Unit": "Count"},
                    ],
                }],
            },
            "function": "relay",
            "LeasesLapsed": 3,
            "MessagesExpired": 1,
        });
        let at = Timestamp::from_millis(1_769_860_800_000);
        assert_eq!(line("relay", at, &counts), Some(expected));
        assert_eq!(line("relay", at, &counts[1..2]), None);
    }

    #[test]
    fn names_are_their_own() {
        let mut names: Vec<_> = Metric::ALL.map(Metric::name).to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Metric::ALL.len());
    }
}
