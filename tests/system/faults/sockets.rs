//! Subscribers that are gone, and subscribers that do not read, among others.

use crate::{
    aws::{environment, sdk},
    support::{Log, SOON, alone},
};
use aws_sdk_dynamodb::types::AttributeValue;
use expedite::{
    adapters::push::ApiGatewayPush,
    ports::{ConnectionId, Push, PushError},
};
use expedite_tests::{
    Result, fault::fail_function, http::Caller, launcher::System, load::Load, socket::Subscriber,
};
use futures_util::future::try_join_all;
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// More pushes of this size than a socket's buffers can have room for, on both sides.
const FILLER: usize = 100 * 1024;
const FILLERS: usize = 200;

#[tokio::test]
async fn of_ten_subscribers_one_gone_and_one_that_does_not_read_cost_the_others_no_update() {
    let (system, _guard) = alone().await;
    let caller = system.caller("ten-sockets").unwrap();
    let log = Log::from_now(system, "emulator");
    let readers = try_join_all((0..8).map(|_| subscriber(system, &caller, &["all"]))).await.unwrap();
    // Never read from here on.
    let _slow = subscriber(system, &caller, &["all", "type:slow"]).await.unwrap();
    fill(system, "type:slow").await;
    let gone = subscriber(system, &caller, &["all", "type:gone"]).await.unwrap();
    vanish(system, gone).await;

    let (end, ended) = watch::channel(Vec::new());
    let readers: Vec<_> =
        readers.into_iter().map(|reader| tokio::spawn(read_all(reader, ended.clone()))).collect();
    let load = Load::start(&caller);
    load.wait_for(40, SOON).await.unwrap();
    load.end(SOON).await.unwrap();
    end.send(caller.list("").await.unwrap()).unwrap();

    let seen = try_join_all(readers).await.unwrap();
    let seen: Vec<_> = seen.into_iter().map(Result::unwrap).collect();
    assert!(seen[0].len() > 40);
    for other in &seen[1..] {
        assert_eq!(*other, seen[0], "all of them see the same, in the same order");
    }
    let pushed = |line: &str| line.contains(r#""message":"pushed""#);
    assert!(log.count(|line| pushed(line) && !line.contains(r#""slow":0,"#)) > 0, "one was too slow");
    assert_eq!(
        log.count(|line| pushed(line) && line.contains(r#""gone":1,"#)),
        1,
        "one was found gone, once"
    );
    assert_eq!(connections(system, "type:gone").await, [], "and is forgotten");
}

async fn subscriber(system: &System, caller: &Caller, topics: &[&str]) -> Result<Subscriber> {
    Subscriber::open(&system.endpoints.websocket_url, caller, topics).await
}

/// Pushes to a socket until it takes no more.
async fn fill(system: &System, topic: &str) {
    let url = &environment(system, "fanout").await["WEBSOCKET_MANAGEMENT_URL"];
    let push = ApiGatewayPush::new(&sdk(system).await, url);
    let [connection] = connections(system, topic).await.try_into().unwrap();
    for _ in 0..FILLERS {
        match push.push(&connection, &"-".repeat(FILLER)).await {
            Ok(()) => {}
            Err(PushError::Slow) => return,
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("it still takes more");
}

/// Ends a socket of which nobody is told: `$disconnect` is sent once, and at best.
async fn vanish(system: &System, socket: Subscriber) {
    let untold = fail_function(system, "ws-disconnect", 1).unwrap();
    drop(socket);
    let started = Instant::now();
    while untold.hits().unwrap() == 0 {
        assert!(started.elapsed() < SOON, "it is still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Who has subscribed to a topic, in whatever tenant.
async fn connections(system: &System, topic: &str) -> Vec<ConnectionId> {
    let dynamodb = aws_sdk_dynamodb::Client::new(&sdk(system).await);
    let table = &system.endpoints.outputs["ConnectionsTable"];
    let rows = dynamodb.scan().table_name(table).consistent_read(true).send().await.unwrap();
    let text = |value: &AttributeValue| value.as_s().unwrap().clone();
    let subscribed = rows.items().iter().filter(|row| text(&row["pk"]).ends_with(&format!("#{topic}")));
    subscribed.map(|row| ConnectionId(text(&row["sk"]))).collect()
}

/// Reads until everything has come that `ended` names, and gives all updates in the order in which they came.
async fn read_all(mut socket: Subscriber, mut ended: watch::Receiver<Vec<Value>>) -> Result<Vec<Value>> {
    let mut updates = Vec::new();
    let has_all = |socket: &Subscriber, ended: &[Value]| {
        !ended.is_empty()
            && ended.iter().all(|message| {
                let id = message["id"].as_str().unwrap_or_default();
                socket.newest.get(id).is_some_and(|known| known["version"] == message["version"])
            })
    };
    while !has_all(&socket, &ended.borrow_and_update()) {
        let frame = socket.frame(Duration::from_millis(200)).await?;
        for update in frame.iter().flat_map(|frame| frame["updates"].as_array()).flatten() {
            updates.push(update.clone());
        }
    }
    Ok(updates)
}
