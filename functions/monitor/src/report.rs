use crate::{Look, Sight};
use expedite::{
    domain::Priority,
    metrics::{Metric, Sample},
    ports::{BrokerStatus, MappingStatus},
};
use serde_json::{Map, Value, json};

/// Says what was seen, in one line.
pub fn log(look: &Look) {
    let broker = look.broker.as_ref();
    let stopped = look.mappings.iter().filter_map(|(watched, status)| {
        let MappingStatus { state, reason } = status.as_ref().filter(|status| !status.works())?;
        Some(format!("{}: {state}, {reason}", watched.name))
    });
    tracing::info!(
        broker = broker.map(|broker| broker.state.as_str()),
        pending = ?broker.map(|broker| &broker.pending),
        actions = ?broker.map(|broker| &broker.actions),
        stopped = ?stopped.collect::<Vec<_>>(),
        backlog = ?look.backlog,
        "looked"
    );
}

/// What was seen, as metrics. What was not seen has none, and is counted.
pub fn measured(look: &Look) -> Vec<Sample> {
    let mut all = Vec::new();
    if let Some(broker) = &look.broker {
        all.extend(of_broker(broker));
    }
    for (watched, status) in &look.mappings {
        all.extend(status.as_ref().map(|status| gauge(watched.works, None, status.works().into())));
    }
    if let Some(sight) = &look.backlog {
        all.extend(of_backlog(sight));
    }
    let unseen = look.mappings.iter().filter(|(_, status)| status.is_none()).count()
        + usize::from(look.broker.is_none())
        + usize::from(look.backlog.is_none());
    all.push(gauge(Metric::LooksFailed, None, count(unseen)));
    all
}

/// The same as JSON, for whoever invokes the function by hand.
pub fn answer(measured: &[Sample]) -> Value {
    let mut all = Map::new();
    for Sample { metric, priority, value } in measured {
        match priority {
            None => drop(all.insert(metric.name().to_owned(), json!(value))),
            Some(priority) => {
                all.entry(metric.name()).or_insert_with(|| json!({}))[priority.as_str()] = json!(value)
            }
        }
    }
    Value::Object(all)
}

fn of_broker(broker: &BrokerStatus) -> [Sample; 4] {
    [
        gauge(Metric::BrokerRunning, None, broker.runs().into()),
        gauge(Metric::BrokerInstances, None, count(broker.instances)),
        gauge(Metric::BrokerRebootPending, None, (!broker.pending.is_empty()).into()),
        gauge(Metric::BrokerActionsRequired, None, count(broker.actions.len())),
    ]
}

fn of_backlog(sight: &Sight) -> Vec<Sample> {
    let by_priority = Priority::ALL.into_iter().flat_map(|priority| {
        let class = sight.class(priority);
        [
            gauge(Metric::UnfinishedMessages, Some(priority), count(class.messages)),
            gauge(Metric::OldestUnfinishedAge, Some(priority), class.oldest.as_secs()),
        ]
    });
    let others = [
        gauge(Metric::MessagesOverdue, None, count(sight.overdue)),
        gauge(Metric::HandoversOutstanding, None, count(sight.handovers_overdue)),
        gauge(Metric::OldestHandoverAge, None, sight.outbox_age.as_secs()),
        gauge(Metric::BacklogCutShort, None, sight.cut_short.into()),
    ];
    by_priority.chain(others).collect()
}

fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}

const fn gauge(metric: Metric, priority: Option<Priority>, value: u64) -> Sample {
    Sample { metric, priority, value }
}
