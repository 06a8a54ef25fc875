use super::locked;
use crate::metrics::{Function, Meter, Metric, Sample};
use expedite_domain::Priority;
use std::sync::Mutex;

/// A function's meter that remembers what went out, and refuses what the table of metrics does not let the function take.
#[derive(Debug)]
pub struct FakeMeter {
    function: Function,
    taken: Mutex<Vec<Sample>>,
    out: Mutex<Vec<Sample>>,
}

impl FakeMeter {
    /// For that function.
    pub fn of(function: Function) -> Self {
        Self { function, taken: Mutex::default(), out: Mutex::default() }
    }

    /// All that went out, in its order.
    pub fn samples(&self) -> Vec<Sample> {
        locked(&self.out).clone()
    }

    /// The values of a metric that went out, in their order.
    pub fn values(&self, metric: Metric) -> Vec<u64> {
        self.of_metric(metric).map(|sample| sample.value).collect()
    }

    /// The same with the priorities that they are of.
    pub fn by_priority(&self, metric: Metric) -> Vec<(Priority, u64)> {
        self.of_metric(metric).filter_map(|sample| Some((sample.priority?, sample.value))).collect()
    }

    fn of_metric(&self, metric: Metric) -> impl Iterator<Item = Sample> {
        self.samples().into_iter().filter(move |sample| sample.metric == metric)
    }
}

impl Meter for &FakeMeter {
    /// # Panics
    /// The function does not take that metric, or not with these dimensions.
    fn take(&self, sample: Sample) {
        assert!(sample.is_of(self.function), "{} takes no {sample:?}", self.function);
        locked(&self.taken).push(sample);
    }

    fn flush(&self) {
        locked(&self.out).append(&mut locked(&self.taken));
    }
}
