//! Changes, pushed to who subscribed to them.

use crate::{
    events::typed,
    stream::{batch, of, record},
};
use expedite::{
    conformance::{NOON, tenant},
    domain::Topic,
    fakes::{FakeClock, FakeConnections, FakeMeter, FakePush, Fault},
    metrics::Function,
    ports::{Connection, ConnectionId, Connections, Push, PushError, StoreError},
};
use fanout::{Fanout, Report};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

/// The function over doubles.
pub struct Rig {
    connections: FakeConnections,
    pub push: FakePush,
    pub clock: FakeClock,
    pub meter: FakeMeter,
}

impl Default for Rig {
    fn default() -> Self {
        Self {
            connections: FakeConnections::default(),
            push: FakePush::default(),
            clock: FakeClock::at(NOON),
            meter: FakeMeter::of(Function::Fanout),
        }
    }
}

impl Rig {
    pub async fn subscribe(&self, name: &str, owner: &str, topics: &[&str]) -> ConnectionId {
        let connection = Connection {
            id: ConnectionId(name.to_owned()),
            tenant: tenant(owner),
            topics: Vec::new(),
            expires_at: NOON,
        };
        let topics: Vec<Topic> = topics.iter().map(|topic| topic.parse().unwrap()).collect();
        (&self.connections).open(&connection).await.unwrap();
        (&self.connections).subscribe(&connection, &topics).await.unwrap();
        connection.id
    }

    pub async fn run(&self, event: Value) -> Result<Report, StoreError> {
        self.run_over(&self.push, event).await
    }

    pub async fn run_over(&self, push: impl Push, event: Value) -> Result<Report, StoreError> {
        let fanout = Fanout { connections: &self.connections, push, clock: &self.clock, meter: &self.meter };
        fanout.run(serde_json::from_value(event).unwrap()).await
    }

    /// The frames that arrived at a socket, each as the list of its updates.
    fn frames(&self, at: &ConnectionId) -> Vec<Vec<Value>> {
        let updates = |frame: &String| {
            let mut frame: Value = serde_json::from_str(frame).unwrap();
            assert_eq!(frame["kind"], "updates");
            serde_json::from_value(frame["updates"].take()).unwrap()
        };
        self.push.frames(at).iter().map(updates).collect()
    }

    /// The numbers of the messages that a socket was told about.
    fn told(&self, at: &ConnectionId) -> Vec<String> {
        let number = |update: Value| {
            update["id"].as_str().unwrap().rsplit('-').next().unwrap().trim_start_matches('0').to_owned()
        };
        self.frames(at).into_iter().flatten().map(number).collect()
    }
}

#[tokio::test]
async fn an_update_says_how_the_message_stands() {
    let rig = Rig::default();
    let socket = rig.subscribe("a", "acme", &["all"]).await;
    let report = rig.run(typed("dynamodb/owed-to-relay")).await.unwrap();
    assert_eq!(report, Report { updates: 1, pushed: 1, ..Report::default() });
    let expected = json!({
        "id": "00000000-0000-8000-8000-000000000001", "type": "email.send", "priority": "medium",
        "state": "retrying", "version": 4, "attempt": 1, "max_attempts": 5, "bypassed": false,
        "created_at": "2026-01-31T12:00:00.000Z", "deliver_at": "2026-01-31T12:00:00.000Z",
        "at": "2026-01-31T12:00:00.060Z", "reason": "the handler panicked",
        // The record is of before messages had traces: its id's digits stand in.
        "trace": "00000000000080008000000000000001",
    });
    assert_eq!(rig.frames(&socket), [[expected]]);
}

#[tokio::test]
async fn what_is_no_change_of_a_message_is_nobodys_news() {
    for (name, updates) in [
        ("dynamodb/insert", 1),
        ("dynamodb/modify", 1),
        ("dynamodb/corrupt-beside-good", 1),
        ("dynamodb/payload", 0),
        ("dynamodb/stray", 0),
        ("dynamodb/expired", 0),
    ] {
        let rig = Rig::default();
        rig.subscribe("a", "acme", &["all"]).await;
        let report = rig.run(typed(name)).await.unwrap();
        assert_eq!(report, Report { updates, pushed: updates, ..Report::default() }, "{name}");
    }
}

#[tokio::test]
async fn each_gets_what_it_subscribed_to_and_each_message_once() {
    let second = "message:00000000-0000-8000-8000-000000000002";
    let table: [(&str, &[&str], &[&str]); 8] = [
        ("acme", &["all"], &["1", "2", "3"]),
        ("acme", &["type:mail"], &["1", "3"]),
        ("acme", &[second], &["2"]),
        ("acme", &["all", "type:mail", second], &["1", "2", "3"]),
        ("acme", &["type:other"], &[]),
        ("globex", &["all"], &["4"]),
        ("globex", &["type:mail"], &["4"]),
        ("globex", &[second], &[]),
    ];
    let rig = Rig::default();
    let mut sockets = Vec::new();
    for (number, (owner, topics, _)) in table.iter().enumerate() {
        sockets.push(rig.subscribe(&format!("socket-{number}"), owner, topics).await);
    }
    let changes = [(1, "acme", "mail"), (2, "acme", "print"), (3, "acme", "mail"), (4, "globex", "mail")];
    let changes = changes.map(|(number, owner, kind)| record("dynamodb/insert", &of(number, owner, kind)));
    let report = rig.run(batch(changes.to_vec())).await.unwrap();
    assert_eq!(report, Report { updates: 4, pushed: 6, ..Report::default() });
    for (socket, (owner, topics, told)) in sockets.iter().zip(table) {
        assert_eq!(rig.told(socket), told, "{owner} {topics:?}");
        assert!(rig.frames(socket).len() <= 1, "one frame for the whole batch");
    }
}

#[tokio::test]
async fn of_several_changes_the_newest_is_pushed() {
    for order in [[2, 3, 4], [4, 3, 2], [3, 4, 2]] {
        let rig = Rig::default();
        let socket = rig.subscribe("a", "acme", &["all"]).await;
        let change =
            |version: u64| record("dynamodb/modify", &[("version", json!({"N": version.to_string()}))]);
        let report = rig.run(batch(order.map(change).to_vec())).await.unwrap();
        assert_eq!(report, Report { updates: 1, pushed: 1, ..Report::default() });
        let frames = rig.frames(&socket);
        assert_eq!((frames[0].len(), &frames[0][0]["version"]), (1, &json!(4)), "{order:?}");
    }
}

/// API Gateway's frames have 32 KB.
#[tokio::test]
async fn many_updates_go_in_frames_that_fit() {
    let rig = Rig::default();
    let socket = rig.subscribe("a", "acme", &["all"]).await;
    let changes: Vec<_> =
        (1..=300).map(|number| record("dynamodb/insert", &of(number, "acme", "mail"))).collect();
    let report = rig.run(batch(changes)).await.unwrap();
    let sizes: Vec<_> = rig.push.frames(&socket).iter().map(String::len).collect();
    assert_eq!(report, Report { updates: 300, pushed: sizes.len(), ..Report::default() });
    assert!(sizes.len() > 1 && sizes.iter().all(|size| *size <= 32 * 1024), "{sizes:?}");
    let told = rig.told(&socket);
    assert_eq!(told.len(), 300, "each is in one of the frames");
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>().len(), 300);
}

#[tokio::test]
async fn all_pages_of_subscribers_are_read() {
    let rig = Rig::default();
    let mut sockets = Vec::new();
    for number in 0..10 {
        sockets.push(rig.subscribe(&format!("socket-{number}"), "acme", &["all"]).await);
    }
    assert_eq!(rig.run(typed("dynamodb/insert")).await.unwrap().pushed, 10);
    assert!(sockets.iter().all(|socket| rig.frames(socket).len() == 1));
}

#[tokio::test]
async fn a_closed_socket_is_forgotten_and_the_others_are_served() {
    let rig = Rig::default();
    let gone = rig.subscribe("a", "acme", &["all"]).await;
    let open = rig.subscribe("b", "acme", &["all"]).await;
    rig.push.set_gone(&gone);
    let changes = (1..=300).map(|number| record("dynamodb/insert", &of(number, "acme", "mail")));
    let report = rig.run(batch(changes.collect())).await.unwrap();
    let frames = rig.frames(&open).len();
    assert!(frames > 1, "and the first one tells");
    assert_eq!(report, Report { updates: 300, pushed: frames, gone: 1, ..Report::default() });
    assert_eq!((&rig.connections).find(&gone).await.unwrap(), None);
    assert_eq!(rig.run(typed("dynamodb/modify")).await.unwrap().gone, 0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_socket_gets_a_second_try() {
    for (full, expected) in [
        (1, Report { updates: 1, pushed: 1, ..Report::default() }),
        (2, Report { updates: 1, slow: 1, ..Report::default() }),
    ] {
        let rig = Rig::default();
        let slow = rig.subscribe("a", "acme", &["all"]).await;
        for _ in 0..full {
            rig.push.set_slow(&slow);
        }
        assert_eq!(rig.run(typed("dynamodb/insert")).await.unwrap(), expected);
        assert!((&rig.connections).find(&slow).await.unwrap().is_some(), "slow is not gone");
    }
}

/// A socket that takes a moment for each frame, and breaks on the first one.
#[derive(Default)]
struct Careful {
    under_way: AtomicUsize,
    most: AtomicUsize,
    frames: AtomicUsize,
}

impl Push for &Careful {
    async fn push(&self, _: &ConnectionId, _: &str) -> Result<(), PushError> {
        let under_way = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(under_way, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        match self.frames.fetch_add(1, Ordering::SeqCst) {
            0 => Err(PushError::Failed("ordered by the test".to_owned())),
            _ => Ok(()),
        }
    }
}

/// Two frames under way to one socket could arrive in either order.
#[tokio::test(start_paused = true)]
async fn a_socket_gets_one_frame_after_the_other() {
    let rig = Rig::default();
    let socket = rig.subscribe("a", "acme", &["all"]).await;
    let push = Careful::default();
    let changes = (1..=300).map(|number| record("dynamodb/insert", &of(number, "acme", "mail"))).collect();
    let report = rig.run_over(&push, batch(changes)).await.unwrap();
    let frames = push.frames.load(Ordering::SeqCst);
    assert_eq!(report, Report { updates: 300, pushed: frames - 1, failed: 1, ..Report::default() });
    assert!(frames > 2, "the frames behind the broken one are sent");
    assert_eq!(push.most.load(Ordering::SeqCst), 1);
    assert!(
        (&rig.connections).find(&socket).await.unwrap().is_some(),
        "a failed push says nothing of the socket"
    );
}

/// Only this brings the batch back; nothing was pushed yet, so nothing comes twice.
#[tokio::test]
async fn without_the_subscribers_the_batch_comes_again() {
    let rig = Rig::default();
    let socket = rig.subscribe("a", "acme", &["all"]).await;
    rig.connections.faults.order([None, Some(Fault::Refused)]);
    assert!(rig.run(typed("dynamodb/insert")).await.is_err());
    assert!(rig.frames(&socket).is_empty());
    assert_eq!(rig.run(typed("dynamodb/insert")).await.unwrap().pushed, 1);
}
