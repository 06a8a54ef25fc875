//! What a message costs the tables: `docs/cost.json` says what is counted here, and `docs/cost.py` goes by it.
//!
//! The embedded DynamoDB counts capacity units as AWS does, indexes and transactions included.

use crate::{events::event, http::changed, repository, store::Embedded, stream::batch};
use aws_sdk_dynamodb::{
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        interceptors::{BeforeTransmitInterceptorContextMut, FinalizerInterceptorContextRef},
    },
    error::BoxError,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use control::{Control, Scopes};
use expedite::{
    adapters::dynamodb::{ConnectionsTable, MessagesTable},
    conformance::NOON,
    domain::{Aging, Priority, Timestamp, Topic},
    envelope::Envelope,
    fakes::{FakeBroker, FakeClock, FakeEntropy, FakeMeter, FakePush, stream_record},
    handler::{Handler, Job, Verdict},
    metrics::Function,
    metrics::Metric,
    ports::{Clock, Connection, ConnectionId, Connections, Key, MessageStore},
};
use fanout::Fanout;
use ingest::Ingest;
use process::{Limits, Process, Starts};
use relay::Relay;
use serde_json::{Map, Value, json};
use std::{
    mem,
    sync::{Arc, Mutex},
    time::Duration,
};

const MINUTE: Duration = Duration::from_secs(60);

/// The payload of the model's message, in bytes of JSON.
const PAYLOAD_BYTES: usize = 1_000;

/// Capacity units of the calls since somebody last asked, written and read.
#[derive(Clone, Debug, Default)]
struct Meter(Arc<Mutex<(f64, f64)>>);

impl Meter {
    fn take(&self) -> (f64, f64) {
        mem::take(&mut self.0.lock().unwrap())
    }
}

impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "Meter"
    }

    /// Asks for what the call consumes.
    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        let mut body: Value = serde_json::from_slice(request.body().bytes().unwrap())?;
        body["ReturnConsumedCapacity"] = json!("INDEXES");
        let body = body.to_string();
        request.headers_mut().insert("content-length", body.len().to_string());
        *request.body_mut() = body.into();
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let answer: Value = serde_json::from_slice(context.response().unwrap().body().bytes().unwrap())?;
        let units: f64 = match &answer["ConsumedCapacity"] {
            Value::Array(tables) => tables.iter().map(units).sum(),
            table => units(table),
        };
        let has_read = ["Item", "Items", "Responses"].iter().any(|found| !answer[*found].is_null());
        let mut sum = self.0.lock().unwrap();
        *(if has_read { &mut sum.1 } else { &mut sum.0 }) += units;
        Ok(())
    }
}

fn units(table: &Value) -> f64 {
    table["CapacityUnits"].as_f64().unwrap()
}

/// Ends every attempt in one way.
struct Ends(Verdict);

impl Handler for Ends {
    async fn handle(&self, _: Job) -> Verdict {
        self.0.clone()
    }
}

/// The functions over tables that are metered.
struct Way {
    meter: Meter,
    store: MessagesTable,
    connections: ConnectionsTable,
    broker: FakeBroker,
    push: FakePush,
    clock: FakeClock,
    entropy: FakeEntropy,
    _embedded: Embedded,
}

impl Way {
    async fn start() -> Self {
        let (meter, embedded) = (Meter::default(), Embedded::start().await);
        let (client, tables) = embedded.client_with(meter.clone());
        Self {
            meter,
            store: MessagesTable::with_client(client.clone(), tables.messages.clone(), 30),
            connections: ConnectionsTable::with_client(client, tables.connections.clone()),
            broker: FakeBroker::default(),
            push: FakePush::default(),
            clock: FakeClock::at(NOON),
            entropy: FakeEntropy::default(),
            _embedded: embedded,
        }
    }

    fn end(&self) -> Timestamp {
        self.clock.now().plus(MINUTE)
    }

    fn sent(&self) -> Envelope {
        self.broker.sent().last().unwrap().envelope.clone()
    }

    /// The message as its item stands, for the stream.
    async fn changed(&self, envelope: &Envelope) -> Value {
        let key = Key { tenant: envelope.tenant.clone(), id: envelope.id };
        let message = self.store.read(&key).await.unwrap().unwrap();
        self.meter.take();
        batch(vec![stream_record(1, &message)])
    }

    async fn submit(&self) -> Envelope {
        let ingest = Ingest {
            store: self.store.clone(),
            broker: &self.broker,
            clock: &self.clock,
            entropy: &self.entropy,
            meter: &FakeMeter::of(Function::Ingest),
            aging: Aging { low: Some(15 * MINUTE), medium: Some(30 * MINUTE), cap: Priority::High },
            tenant_claim: "sub".to_owned(),
            high_priority_scope: String::new(),
        };
        let payload = "x".repeat(PAYLOAD_BYTES - 2);
        let body = json!({"type": "order.placed", "payload": payload}).to_string();
        let answer = ingest.handle(&changed("http/submit", |event| event["body"] = json!(body))).await;
        assert_eq!(answer.status(), 202);
        self.sent()
    }

    async fn process(&self, envelope: &Envelope, verdict: Verdict) {
        let process = Process {
            store: self.store.clone(),
            handler: Ends(verdict),
            clock: &self.clock,
            entropy: &self.entropy,
            meter: &FakeMeter::of(Function::Process),
            limits: Limits::new(10, 30),
            starts: Starts::default(),
        };
        let data = STANDARD.encode(envelope.to_json().unwrap());
        let message = json!({"messageID": "ID:1", "messageType": "jms/text-message", "data": data});
        let report = process.run(json!({"messages": [message]}), self.end()).await.unwrap();
        assert_eq!(report.recorded, 1, "{report:?}");
    }

    async fn relay(&self, event: Value) -> relay::Report {
        let relay = Relay {
            store: self.store.clone(),
            broker: &self.broker,
            clock: &self.clock,
            entropy: &self.entropy,
            meter: &FakeMeter::of(Function::Relay),
            aging: Aging::OFF,
        };
        relay.run(event, self.end()).await.unwrap()
    }

    /// One change, pushed to a socket.
    async fn push(&self, envelope: &Envelope) {
        let connection = Connection {
            id: ConnectionId("c1".to_owned()),
            tenant: envelope.tenant.clone(),
            topics: Vec::new(),
            expires_at: self.end(),
        };
        self.connections.open(&connection).await.unwrap();
        self.connections.subscribe(&connection, &[Topic::All]).await.unwrap();
        let event = serde_json::from_value(self.changed(envelope).await).unwrap();
        let fanout = Fanout {
            connections: self.connections.clone(),
            push: &self.push,
            clock: &self.clock,
            meter: &FakeMeter::of(Function::Fanout),
        };
        assert_eq!(fanout.run(event).await.unwrap().pushed, 1);
    }

    async fn read(&self, envelope: &Envelope) {
        let control = Control {
            messages: self.store.clone(),
            tickets: self.connections.clone(),
            clock: &self.clock,
            entropy: &self.entropy,
            meter: &FakeMeter::of(Function::Control),
            tenant_claim: "sub".to_owned(),
            scopes: Scopes::default(),
        };
        let id = envelope.id.to_string();
        let read = changed("http/read", |event| event["pathParameters"] = json!({"id": id}));
        assert_eq!(control.handle(&read).await.status(), 200);
    }

    fn measured(&self) -> Value {
        let (write, read) = self.meter.take();
        json!({"write": write, "read": read})
    }
}

#[tokio::test]
async fn the_model_of_costs_counts_what_the_functions_consume() {
    let way = Way::start().await;
    let mut counted = Map::new();
    let mut count = |what: &str| counted.insert(what.to_owned(), way.measured());

    let good = way.submit().await;
    count("submit");
    way.process(&good, Verdict::Done).await;
    count("attempt_that_succeeds");
    way.read(&good).await;
    count("read");
    way.push(&good).await;
    count("push_of_one_change");

    let bad = way.submit().await;
    way.meter.take();
    way.process(&bad, Verdict::Retry { after: None, reason: "busy".to_owned() }).await;
    count("attempt_that_fails");
    let owed = way.changed(&bad).await;
    assert_eq!(way.relay(owed).await.handed_over, 1);
    count("hand_over_by_relay");
    way.relay(event("schedule/sweep")).await;
    count("sweep");

    let model: Value = serde_json::from_str(&repository::read("docs/cost.json")).unwrap();
    assert_eq!(model["capacity_units"], Value::Object(counted));
    // CloudWatch counts one for each function and, where they are told apart, each priority.
    let series = |metric: &Metric| metric.functions().len() * if metric.has_priority() { 3 } else { 1 };
    assert_eq!(model["assumptions"]["custom_metrics"], Metric::ALL.iter().map(series).sum::<usize>());
}
