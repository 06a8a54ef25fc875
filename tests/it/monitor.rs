//! What one look sees, over doubles.

use crate::events::event;
use expedite::{
    conformance::{NOON, payload, submission, tenant},
    domain::{Event, Lease, Message, Outcome, Owner, Priority, Submission, Timestamp, transition},
    fakes::{FakeBrokerWatch, FakeClock, FakeMappingWatch, FakeMeter, FakeStore, Fault},
    metrics::{Function, Metric, Sample},
    ports::{BrokerStatus, Clock, MappingStatus},
};
use monitor::{Class, Look, Monitor, Sight, Watched};
use serde_json::json;
use std::{collections::BTreeSet, time::Duration};

const MINUTE: Duration = Duration::from_secs(60);

/// The function over doubles, with a broker that runs and two mappings that work.
struct Rig {
    broker: FakeBrokerWatch,
    mappings: FakeMappingWatch,
    store: FakeStore,
    clock: FakeClock,
    meter: FakeMeter,
}

impl Rig {
    fn new() -> Self {
        let rig = Self {
            broker: FakeBrokerWatch::default(),
            mappings: FakeMappingWatch::default(),
            store: FakeStore::default(),
            clock: FakeClock::at(NOON),
            meter: FakeMeter::of(Function::Monitor),
        };
        rig.broker.set(Some(running()));
        for name in ["standard", "relay"] {
            rig.mappings.set(&format!("id-of-{name}"), "Enabled", "USER_INITIATED");
        }
        rig
    }

    fn monitor(&self) -> Monitor<&FakeBrokerWatch, &FakeMappingWatch, &FakeStore, &FakeClock, &FakeMeter> {
        Monitor {
            broker: &self.broker,
            mappings: &self.mappings,
            backlog: &self.store,
            clock: &self.clock,
            meter: &self.meter,
            watched: vec![watched("standard"), watched("relay")],
        }
    }

    async fn look(&self) -> Look {
        self.look_within(MINUTE).await
    }

    async fn look_within(&self, time: Duration) -> Look {
        let now = self.clock.now();
        self.monitor().look(now, now.plus(time)).await
    }

    async fn sight(&self) -> Sight {
        self.look().await.backlog.unwrap()
    }

    fn put(&self, message: Message) {
        self.store.put(message, payload("{}"));
    }
}

fn watched(name: &str) -> Watched {
    Watched::new((name.to_owned(), format!("id-of-{name}"))).unwrap()
}

fn running() -> BrokerStatus {
    BrokerStatus { state: "RUNNING".to_owned(), instances: 1, pending: Vec::new(), actions: Vec::new() }
}

fn accepted(number: u128, priority: Priority, deliver_at: Timestamp) -> Message {
    let submission =
        Submission { priority, deliver_at: Some(deliver_at), ..submission(&tenant("acme"), number) };
    Message::accept(submission, NOON)
}

fn then(message: &Message, event: Event, at: Timestamp) -> Message {
    transition(message, event, at).unwrap()
}

fn queued(message: &Message) -> Message {
    then(message, Event::HandedOver { epoch: 1, raise: None }, NOON)
}

fn claimed(message: &Message, until: Timestamp) -> Message {
    let lease = Lease { owner: Owner::from_bits(1), until };
    then(message, Event::Claimed { epoch: 1, lease }, NOON)
}

#[tokio::test]
async fn an_idle_system_is_seen_as_one() {
    let rig = Rig::new();
    let enabled = || Some(MappingStatus { state: "Enabled".to_owned(), reason: "USER_INITIATED".to_owned() });
    let expected = Look {
        broker: Some(running()),
        mappings: vec![(watched("standard"), enabled()), (watched("relay"), enabled())],
        backlog: Some(Sight::default()),
    };
    assert_eq!(rig.look().await, expected);
}

/// The time of a message comes with `deliver_at`: before it, it is nobody's fault that it is not finished.
#[tokio::test]
async fn the_oldest_is_the_one_whose_time_came_first() {
    let rig = Rig::new();
    let in_ten = NOON.plus(10 * MINUTE);
    rig.put(queued(&accepted(1, Priority::Low, in_ten)));
    rig.put(accepted(2, Priority::Low, NOON.plus(Duration::from_secs(1_000_000))));
    rig.put(queued(&accepted(3, Priority::Medium, NOON)));
    let running = claimed(&accepted(4, Priority::High, NOON), NOON.plus(5 * MINUTE));
    rig.put(running.clone());
    rig.put(then(
        &running,
        Event::Finished { owner: Owner::from_bits(1), outcome: Outcome::Done },
        NOON.plus(MINUTE),
    ));
    rig.put(claimed(&accepted(5, Priority::High, NOON), NOON.plus(5 * MINUTE)));

    rig.clock.advance(4 * MINUTE);
    let sight = rig.sight().await;
    let class = |messages, oldest| Class { messages, oldest };
    assert_eq!(sight.classes, [class(1, 4 * MINUTE), class(1, 4 * MINUTE), class(0, Duration::ZERO)]);
    rig.clock.advance(7 * MINUTE);
    let sight = rig.sight().await;
    assert_eq!(sight.classes, [class(1, 11 * MINUTE), class(1, 11 * MINUTE), class(1, MINUTE)]);
    assert_eq!((sight.class(Priority::Low), sight.cut_short), (&sight.classes[2], false));
}

#[tokio::test]
async fn what_is_overdue_is_counted_two_minutes_later_and_the_outbox_by_itself() {
    let rig = Rig::new();
    // Its sender has 30 s for the hand-over.
    rig.put(accepted(1, Priority::Medium, NOON));
    rig.put(claimed(&accepted(2, Priority::Medium, NOON), NOON.plus(Duration::from_secs(30))));
    for (at, overdue, handovers_overdue, outbox_age) in [(30, 0, 0, 0), (150, 0, 0, 120), (151, 2, 1, 121)] {
        rig.clock.advance(rig.clock.now().until(NOON.plus(Duration::from_secs(at))));
        let sight = rig.sight().await;
        assert_eq!(
            (sight.overdue, sight.handovers_overdue, sight.outbox_age.as_secs()),
            (overdue, handovers_overdue, outbox_age),
            "{at} s"
        );
    }
}

#[tokio::test]
async fn a_backlog_that_is_longer_than_a_look_is_said_to_be_cut_short() {
    for (messages, cut_short) in [(30, false), (31, true)] {
        let rig = Rig::new();
        // A page of the double has three messages, and a look reads ten of each shard.
        let numbers = (0..10_000).filter(|number| in_first_shard(*number)).take(messages);
        numbers.for_each(|number| rig.put(queued(&accepted(number, Priority::Low, NOON))));
        rig.clock.advance(MINUTE);
        let sight = rig.sight().await;
        assert_eq!((sight.cut_short, sight.class(Priority::Low).messages), (cut_short, 30), "{messages}");
    }
    let rig = Rig::new();
    rig.put(queued(&accepted(1, Priority::Low, NOON)));
    let look = rig.look_within(Duration::from_secs(4)).await;
    assert!(look.backlog.unwrap().cut_short, "without time nothing is read, and nothing is made up");
}

fn in_first_shard(number: u128) -> bool {
    let id = submission(&tenant("acme"), number).id.to_string();
    id.bytes().last().unwrap().is_multiple_of(expedite::ports::DUE_SHARDS)
}

#[tokio::test]
async fn what_cannot_be_seen_is_left_out_and_costs_the_rest_nothing() {
    let rig = Rig::new();
    rig.broker.set(None);
    let look = rig.look().await;
    assert_eq!(look.broker, None);
    assert!(look.backlog.is_some() && look.mappings.iter().all(|(_, status)| status.is_some()));

    let rig = Rig::new();
    rig.store.faults.order([None, Some(Fault::Refused)]);
    let look = rig.look().await;
    assert_eq!(look.backlog, None);
    assert_eq!(look.broker, Some(running()));

    let mut monitor = rig.monitor();
    monitor.watched[0].id = "unknown".to_owned();
    let look = monitor.look(NOON, NOON.plus(MINUTE)).await;
    assert_eq!(look.mappings.iter().map(|(_, status)| status.is_some()).collect::<Vec<_>>(), [false, true]);
}

fn of(look: &Look, metric: Metric) -> Vec<(Option<Priority>, u64)> {
    let measured = monitor::measured(look);
    let of_it = measured.into_iter().filter(|sample| sample.metric == metric);
    of_it.map(|sample| (sample.priority, sample.value)).collect()
}

/// A gauge of nothing is zero and not missing: an alarm that sees no value does not know that all is well.
#[tokio::test]
async fn an_idle_system_is_measured_as_one() {
    let look = Rig::new().look().await;
    let ones = [
        Metric::BrokerRunning,
        Metric::BrokerInstances,
        Metric::StandardMappingWorks,
        Metric::RelayMappingWorks,
    ];
    let measured = monitor::measured(&look);
    for Sample { metric, priority, value } in &measured {
        assert_eq!(*value, u64::from(ones.contains(metric)), "{metric:?} {priority:?}");
        assert_eq!(metric.has_priority(), priority.is_some(), "{metric:?}");
        assert_eq!(metric.functions(), [Function::Monitor], "{metric:?}");
    }
    let mut found: Vec<_> = measured.iter().map(|sample| sample.metric).collect();
    found.dedup_by_key(|metric| metric.name());
    let of_monitor = Metric::ALL.iter().filter(|metric| metric.functions() == [Function::Monitor]);
    // Four mappings are not watched here.
    assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), of_monitor.count() - 4);
}

#[tokio::test]
async fn what_is_wrong_is_measured_by_its_own_metric() {
    let rig = Rig::new();
    rig.broker.set(Some(BrokerStatus {
        state: "REBOOT_IN_PROGRESS".to_owned(),
        instances: 2,
        pending: vec!["configuration revision 3".to_owned()],
        actions: vec!["BROKER_OOM: restarts".to_owned(), "OTHER: more".to_owned()],
    }));
    rig.mappings.set("id-of-standard", "Disabled", "USER_INITIATED");
    rig.put(accepted(1, Priority::Low, NOON));
    rig.clock.advance(5 * MINUTE);
    let look = rig.look().await;
    for (metric, expected) in [
        (Metric::BrokerRunning, 0),
        (Metric::BrokerInstances, 2),
        (Metric::BrokerRebootPending, 1),
        (Metric::BrokerActionsRequired, 2),
        (Metric::StandardMappingWorks, 0),
        (Metric::RelayMappingWorks, 1),
        (Metric::MessagesOverdue, 1),
        (Metric::HandoversOutstanding, 1),
        (Metric::OldestHandoverAge, 270),
        (Metric::BacklogCutShort, 0),
        (Metric::LooksFailed, 0),
    ] {
        assert_eq!(of(&look, metric), [(None, expected)], "{metric:?}");
    }
    let by_priority =
        |low| [(Some(Priority::High), 0), (Some(Priority::Medium), 0), (Some(Priority::Low), low)];
    assert_eq!(of(&look, Metric::UnfinishedMessages), by_priority(1));
    assert_eq!(of(&look, Metric::OldestUnfinishedAge), by_priority(300));
}

#[tokio::test]
async fn what_cannot_be_seen_has_no_metric_and_is_counted() {
    let rig = Rig::new();
    rig.broker.set(None);
    rig.store.faults.order([Some(Fault::Refused)]);
    let mut monitor = rig.monitor();
    monitor.watched[0].id = "unknown".to_owned();
    let look = monitor.look(NOON, NOON.plus(MINUTE)).await;
    let seen = |metric, value| Sample { metric, priority: None, value };
    let expected = [seen(Metric::RelayMappingWorks, 1), seen(Metric::LooksFailed, 3)];
    assert_eq!(monitor::measured(&look), expected);
}

#[tokio::test]
async fn what_it_sees_goes_out_and_to_whoever_invokes_it() {
    let rig = Rig::new();
    rig.put(queued(&accepted(1, Priority::Low, NOON)));
    rig.clock.advance(MINUTE);
    let answer = rig.monitor().run(rig.clock.now().plus(MINUTE)).await;
    assert_eq!(answer["BrokerRunning"], 1);
    assert_eq!(answer["OldestUnfinishedAge"], json!({"high": 0, "medium": 0, "low": 60}));
    assert_eq!(rig.meter.values(Metric::BrokerRunning), [1]);
    assert_eq!(rig.meter.by_priority(Metric::UnfinishedMessages).last(), Some(&(Priority::Low, 1)));
}

#[test]
fn a_mapping_without_a_metric_is_refused() {
    let error = Watched::new(("other".to_owned(), "1".to_owned())).unwrap_err();
    assert_eq!(error.to_string(), "no metric says whether the mapping other works");
}

#[test]
fn the_schedule_sends_what_nobody_reads() {
    assert_eq!(event("schedule/look")["source"], "aws.scheduler");
}
