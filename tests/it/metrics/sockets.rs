//! What is measured of sockets and of the stream that feeds them.

use crate::{fanout, stream::batch, websocket};
use expedite::{
    conformance::{NOON, submission, tenant},
    domain::Message,
    fakes::stream_record,
    metrics::Metric,
    ports::{ConnectionId, Push, PushError},
};
use serde_json::Value;
use std::time::Duration;

/// Messages accepted at noon and a second later.
fn two_changes() -> Value {
    let accepted = |number: u32| {
        let at = NOON.plus(Duration::from_secs(number.into()));
        Message::accept(submission(&tenant("acme"), number.into()), at)
    };
    batch(vec![stream_record(1, &accepted(1)), stream_record(2, &accepted(0))])
}

/// Nothing arrives.
struct Broken;

impl Push for Broken {
    async fn push(&self, _: &ConnectionId, _: &str) -> Result<(), PushError> {
        Err(PushError::Failed("ordered by the test".to_owned()))
    }
}

#[tokio::test(start_paused = true)]
async fn what_becomes_of_pushes() {
    let rig = fanout::Rig::default();
    let mut sockets = Vec::new();
    for name in ["a", "b", "c", "d"] {
        sockets.push(rig.subscribe(name, "acme", &["all"]).await);
    }
    rig.push.set_gone(&sockets[0]);
    for _ in 0..2 {
        rig.push.set_slow(&sockets[1]);
    }
    rig.clock.advance(Duration::from_secs(3));
    rig.run(two_changes()).await.unwrap();
    for (metric, value) in
        [(Metric::PushesSent, 2), (Metric::PushesGone, 1), (Metric::PushesSlow, 1), (Metric::StreamLag, 3000)]
    {
        assert_eq!(rig.meter.values(metric), [value], "{metric:?}");
    }
    assert_eq!(rig.meter.values(Metric::PushesFailed), [0_u64; 0]);
    rig.run_over(Broken, two_changes()).await.unwrap();
    assert_eq!(rig.meter.values(Metric::PushesFailed), [3]);
}

#[tokio::test]
async fn sockets_that_open_and_sockets_that_do_not() {
    let rig = websocket::Rig::with_ticket().await;
    let request = websocket::changed("websocket/connect-subprotocol", |_| ());
    assert_eq!(rig.status(&request).await, 200);
    assert_eq!(rig.status(&request).await, 401, "the ticket is used up");
    assert_eq!(rig.meter.values(Metric::SocketsOpened), [1]);
    assert_eq!(rig.meter.values(Metric::SocketsRefused), [1]);
}
