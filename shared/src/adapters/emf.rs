//! Metrics as lines of JSON on standard output, in CloudWatch's embedded metric format. CloudWatch reads them out of the
//! logs, so measuring costs no call and fails for no reason of its own.
//! [Specification](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html)

use super::system::SystemClock;
use crate::{
    metrics::{FUNCTION, Function, Meter, Metric, NAMESPACE, PRIORITY, Sample, Unit},
    ports::Clock,
};
use expedite_domain::{Priority, Timestamp};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    mem::take,
    sync::{Mutex, PoisonError},
};

/// The most values that a metric may have in one line.
const VALUES: usize = 100;

/// Keeps what is measured, and prints it when the call is over.
#[derive(Debug)]
pub struct Emf {
    function: Function,
    samples: Mutex<Vec<Sample>>,
}

impl Emf {
    /// For that function.
    pub fn new(function: Function) -> Self {
        Self { function, samples: Mutex::default() }
    }
}

impl Meter for Emf {
    fn take(&self, sample: Sample) {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
    }

    #[expect(clippy::print_stdout, reason = "standard output is where CloudWatch reads metrics")]
    fn flush(&self) {
        let samples = take(&mut *self.samples.lock().unwrap_or_else(PoisonError::into_inner));
        for line in lines(self.function, SystemClock.now(), &samples) {
            println!("{line}");
        }
    }
}

/// The lines that say it: one for each priority, and more where a metric has more values than fit.
pub fn lines(function: Function, at: Timestamp, samples: &[Sample]) -> Vec<Value> {
    let mut parts: BTreeMap<Option<Priority>, BTreeMap<Metric, Vec<u64>>> = BTreeMap::new();
    for Sample { metric, priority, value } in samples {
        let values = parts.entry(*priority).or_default().entry(*metric).or_default();
        match values.last_mut() {
            // Counts are for adding up; a time is a value among many.
            Some(sum) if metric.unit() == Unit::Count => *sum += value,
            _ => values.push(*value),
        }
    }
    let mut lines = Vec::new();
    for (priority, metrics) in parts {
        let longest = metrics.values().map(Vec::len).max().unwrap_or_default();
        for start in (0..longest).step_by(VALUES) {
            let chunk = metrics.iter().filter_map(|(metric, values)| {
                let values = values.get(start..)?;
                Some((*metric, &values[..values.len().min(VALUES)])).filter(|(_, values)| !values.is_empty())
            });
            lines.push(line(function, priority, at, &chunk.collect::<Vec<_>>()));
        }
    }
    lines
}

fn line(
    function: Function,
    priority: Option<Priority>,
    at: Timestamp,
    metrics: &[(Metric, &[u64])],
) -> Value {
    let names: Vec<_> = [Some(FUNCTION), priority.map(|_| PRIORITY)].into_iter().flatten().collect();
    let definition =
        |(metric, _): &(Metric, _)| json!({"Name": metric.name(), "Unit": metric.unit().as_str()});
    let mut line = Map::new();
    line.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": at.millis(),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [names],
                "Metrics": metrics.iter().map(definition).collect::<Vec<_>>(),
            }],
        }),
    );
    line.insert(FUNCTION.to_owned(), json!(function.as_str()));
    line.extend(priority.map(|priority| (PRIORITY.to_owned(), json!(priority.as_str()))));
    line.extend(metrics.iter().map(|(metric, values)| match values {
        [one] => (metric.name().to_owned(), json!(one)),
        many => (metric.name().to_owned(), json!(many)),
    }));
    Value::Object(line)
}
