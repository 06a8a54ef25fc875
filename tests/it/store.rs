//! The store adapters and their doubles pass one suite, the adapters over tables that are made from `template.yaml`.

use aws_sdk_dynamodb::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region},
    types::AttributeValue,
};
use expedite::{
    adapters::dynamodb::{ConnectionsTable, MessagesTable},
    conformance::{self, NOON, payload, submission, tenant},
    domain::{Event, Lease, Message, Outcome, Owner, Topic, transition},
    fakes::{FakeConnections, FakeStore},
    ports::{Connection, ConnectionId, Connections, MessageStore, Tickets},
    ticket,
};
use expedite_tests::tables::{self, Tables};
use std::{collections::BTreeMap, time::Duration};
use tokio::{net::TcpListener, sync::oneshot};

const DAY: i64 = 24 * 60 * 60;

/// An embedded DynamoDB with the template's tables. It ends with the test.
struct Embedded {
    client: Client,
    tables: Tables,
    _stop: oneshot::Sender<()>,
}

impl Embedded {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .endpoint_url(format!("http://{}", listener.local_addr().unwrap()))
            .credentials_provider(Credentials::new("local", "local", None, None, "test"))
            .build();
        let (stop, stopped) = oneshot::channel::<()>();
        let database = dynoxide::Database::memory().unwrap();
        tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database, async {
            let _ = stopped.await;
        }));
        let client = Client::from_conf(config);
        let tables = tables::create(&client, "").await.unwrap();
        Self { client, tables, _stop: stop }
    }

    fn messages(&self) -> MessagesTable {
        MessagesTable::with_client(self.client.clone(), self.tables.messages.clone(), 3)
    }

    fn connections(&self) -> ConnectionsTable {
        ConnectionsTable::with_client(self.client.clone(), self.tables.connections.clone())
    }

    /// When each item of a table expires, in seconds since [`NOON`], by its keys.
    async fn expiries(&self, table: &str) -> BTreeMap<String, Option<i64>> {
        let items = self.client.scan().table_name(table).send().await.unwrap().items.unwrap();
        let text = |value: &AttributeValue| value.as_s().unwrap().clone();
        let number = |value: &AttributeValue| value.as_n().unwrap().parse::<i64>().unwrap();
        items
            .iter()
            .map(|item| {
                let expiry = item.get("expires_at").map(|at| number(at) - NOON.millis() / 1000);
                (format!("{} {}", text(&item["pk"]), text(&item["sk"])), expiry)
            })
            .collect()
    }
}

#[tokio::test]
async fn the_fakes_conform() {
    conformance::messages(&&FakeStore::default(), "fake").await;
    conformance::connections(&&FakeConnections::default(), "fake").await;
}

#[tokio::test]
async fn the_tables_conform() {
    let embedded = Embedded::start().await;
    conformance::messages(&embedded.messages(), "embedded").await;
    conformance::connections(&embedded.connections(), "embedded").await;
}

/// A message and its payload expire together, and only once it is final: an unfinished one is never removed.
#[tokio::test]
async fn a_message_expires_with_its_payload_when_it_has_ended() {
    let embedded = Embedded::start().await;
    let store = embedded.messages();
    let accepted = Message::accept(submission(&tenant("acme"), 1), NOON);
    let lease = Lease { owner: Owner::from_bits(1), until: NOON.plus(Duration::from_secs(40)) };
    let running = transition(&accepted, Event::Claimed { epoch: 1, lease }, NOON).unwrap();
    let end = Event::Finished { owner: lease.owner, outcome: Outcome::Done };
    // Half a second past the full one: the table knows only full ones and must not be early.
    let ended = transition(&running, end, NOON.plus(Duration::from_millis(1_500))).unwrap();

    let expected = |expiry: Option<i64>| {
        ["message", "payload"].map(|sk| (format!("acme#{} {sk}", accepted.id), expiry)).into()
    };
    store.create(&accepted, &payload("{}")).await.unwrap();
    assert_eq!(embedded.expiries(&embedded.tables.messages).await, expected(None));
    store.replace(&running).await.unwrap();
    assert_eq!(embedded.expiries(&embedded.tables.messages).await, expected(None));
    store.replace(&ended).await.unwrap();
    assert_eq!(embedded.expiries(&embedded.tables.messages).await, expected(Some(3 * DAY + 2)));
}

#[tokio::test]
async fn connections_subscriptions_and_tickets_expire() {
    let embedded = Embedded::start().await;
    let store = embedded.connections();
    let connection = Connection {
        id: ConnectionId("c1".to_owned()),
        tenant: tenant("acme"),
        topics: Vec::new(),
        expires_at: NOON.plus(Duration::from_secs(7_800)),
    };
    let ticket = ticket::hash("secret");
    store.open(&connection).await.unwrap();
    store.subscribe(&connection, &[Topic::All]).await.unwrap();
    store.issue(&ticket, &connection.tenant, NOON.plus(Duration::from_secs(30))).await.unwrap();
    let rows = embedded.expiries(&embedded.tables.connections).await;
    let hash: String = ticket.iter().map(|byte| format!("{byte:02x}")).collect();
    let expected = [
        ("connection#c1 connection".to_owned(), Some(7_800)),
        ("topic#acme#all c1".to_owned(), Some(7_800)),
        (format!("ticket#{hash} ticket"), Some(30)),
    ];
    assert_eq!(rows, expected.into());
}

/// The attribute by which DynamoDB removes an item is the one that the adapters write.
#[tokio::test]
async fn the_tables_remove_by_the_attribute_that_is_written() {
    let embedded = Embedded::start().await;
    for table in [&embedded.tables.messages, &embedded.tables.connections] {
        let answer = embedded.client.describe_time_to_live().table_name(table).send().await.unwrap();
        let expiry = answer.time_to_live_description.unwrap();
        assert_eq!(expiry.attribute_name(), Some("expires_at"), "{table}");
        assert_eq!(expiry.time_to_live_status().map(|status| status.as_str()), Some("ENABLED"));
    }
}
