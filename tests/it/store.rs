//! The store adapters and their doubles pass one suite, the adapters over tables that are made from `template.yaml`.

use aws_sdk_dynamodb::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Intercept, Region, retry::RetryConfig},
    types::AttributeValue,
};
use expedite::{
    adapters::dynamodb::{ConnectionsTable, MessagesTable},
    conformance::{self, NOON, payload, submission, tenant},
    domain::{Event, Lease, Message, Outcome, Owner, Tenant, Timestamp, Topic, transition},
    fakes::{FakeConnections, FakeStore},
    ports::{
        Backlog, Connection, ConnectionId, Connections, Created, DUE_SHARDS, DueIndex, Key, MessageStore,
        StoreError, Stray, Strays, Subscribers, Tickets,
    },
    ticket,
};
use expedite_tests::tables::{self, Tables};
use futures_util::future::join_all;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::{net::TcpListener, sync::oneshot};

const DAY: i64 = 24 * 60 * 60;

/// An embedded DynamoDB with the template's tables. It ends with the test.
pub struct Embedded {
    client: Client,
    config: Config,
    tables: Tables,
    _stop: oneshot::Sender<()>,
}

impl Embedded {
    pub async fn start() -> Self {
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
        let client = Client::from_conf(config.clone());
        let tables = tables::create(&client, "").await.unwrap();
        Self { client, config, tables, _stop: stop }
    }

    /// Another client, that something looks in on, and the tables' names.
    pub fn client_with(&self, interceptor: impl Intercept + 'static) -> (Client, &Tables) {
        let config = self.config.to_builder().interceptor(interceptor).build();
        (Client::from_conf(config), &self.tables)
    }

    pub fn messages(&self) -> MessagesTable {
        MessagesTable::with_client(self.client.clone(), self.tables.messages.clone(), 3)
    }

    fn connections(&self) -> ConnectionsTable {
        ConnectionsTable::with_client(self.client.clone(), self.tables.connections.clone())
    }

    /// Puts items there that nobody may write: one that names no message, and one that names it and is none. Both are
    /// due.
    pub async fn spoil(&self) -> Key {
        let key = Key { tenant: tenant("acme"), id: submission(&tenant("acme"), 0xbad).id };
        let name = format!("acme#{}", key.id);
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let put = |pk: &str, sk: &str| {
            let put = self.client.put_item().table_name(&self.tables.messages);
            put.item("pk", text(pk)).item("sk", text(sk))
        };
        for pk in ["garbage", &name] {
            let due = put(pk, "message").item("due_shard", text("0"));
            due.item("due_at", AttributeValue::N("0".to_owned())).send().await.unwrap();
        }
        put(&name, "payload").item("payload", text("{")).send().await.unwrap();
        key
    }

    /// Puts a queued message there, as far as the index `due` has it.
    async fn unfinished(&self, pk: &str, due_at: usize) {
        let number = AttributeValue::N(due_at.to_string());
        let put = self.client.put_item().table_name(&self.tables.messages).item("deliver_at", number.clone());
        let texts =
            [("pk", pk), ("sk", "message"), ("due_shard", "0"), ("state", "queued"), ("priority", "low")];
        let put = texts
            .into_iter()
            .fold(put, |put, (name, text)| put.item(name, AttributeValue::S(text.to_owned())));
        put.item("due_at", number).send().await.unwrap();
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
    let store = FakeStore::default();
    conformance::messages(&&store, "fake").await;
    conformance::strays(&&store, async || store.strays()).await;
    conformance::connections(&&FakeConnections::default(), "fake").await;
}

#[tokio::test]
async fn the_tables_conform() {
    let embedded = Embedded::start().await;
    let store = embedded.messages();
    conformance::messages(&store, "embedded").await;
    conformance::strays(&store, async || store.strays().await.unwrap()).await;
    conformance::connections(&embedded.connections(), "embedded").await;
}

/// DynamoDB ends a page at 1 MB, which long keys fill soon.
#[tokio::test]
async fn what_is_unfinished_is_read_beyond_the_first_page() {
    const COUNT: usize = 800;
    let embedded = Embedded::start().await;
    for number in 0..COUNT {
        embedded.unfinished(&format!("{number:01900}"), number).await;
    }
    let store = embedded.messages();
    let (mut pages, mut seen, mut after) = (0, BTreeSet::new(), None);
    loop {
        let page = store.unfinished(0, NOON, after).await.unwrap();
        assert_eq!(page.unreadable, 0);
        seen.extend(page.messages.iter().map(|message| message.due_at.millis()));
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((seen.len(), pages), (COUNT, 2));
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
    store.replace(&accepted, &running).await.unwrap();
    assert_eq!(embedded.expiries(&embedded.tables.messages).await, expected(None));
    store.replace(&running, &ended).await.unwrap();
    assert_eq!(embedded.expiries(&embedded.tables.messages).await, expected(Some(3 * DAY + 2)));
}

/// They lie where no tenant can reach, in parts that fit into items whatever else is in them, and in no index.
#[tokio::test]
async fn a_stray_lies_by_itself_and_expires_from_when_it_was_found() {
    let embedded = Embedded::start().await;
    let store = embedded.messages();
    let long = "ü".repeat(300_000);
    let stray = Stray {
        broker_id: long.clone(),
        queue: long.clone(),
        queued_at: Timestamp::from_millis(0),
        found_at: NOON.plus(Duration::from_millis(1_500)),
        reason: long.clone(),
        given_up: Some(long.clone()),
        data: long,
    };
    store.keep(&stray).await.unwrap();
    let expected = ["001", "002"].map(|part| (format!("#strays {}#{part}", stray.name()), Some(3 * DAY + 2)));
    assert_eq!(embedded.expiries(&embedded.tables.messages).await, expected.into());
    let kept = store.strays().await.unwrap();
    let bounded = "ü".repeat(1_000);
    let expected = Stray {
        broker_id: bounded.clone(),
        queue: bounded.clone(),
        reason: bounded.clone(),
        given_up: Some(bounded),
        ..stray
    };
    assert_eq!(kept, [expected]);
    assert!("".parse::<Tenant>().is_err(), "a tenant without a name would write into the strays");
    assert_eq!(all_due(&store).await, (vec![], vec![]));
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

/// The suite's pages are smaller than the tables' own: 100 keys in a read, 100 due messages, 500 subscribers.
#[tokio::test]
async fn what_fills_several_pages_is_read_whole() {
    let embedded = Embedded::start().await;
    let (store, owner) = (embedded.messages(), tenant("acme"));
    let messages: Vec<_> = (0..420).map(|number| Message::accept(submission(&owner, number), NOON)).collect();
    let payload = payload("{}");
    for created in join_all(messages.iter().map(|message| store.create(message, &payload))).await {
        assert_eq!(created.unwrap(), Created::New);
    }
    let keys: BTreeSet<_> = messages.iter().map(Key::of).collect();
    let read = store.read_many(&Vec::from_iter(keys.clone())).await.unwrap();
    assert_eq!(read.iter().map(Key::of).collect::<BTreeSet<_>>(), keys);
    assert_eq!(all_due(&store).await, (Vec::from_iter(keys), vec![]));

    let store = embedded.connections();
    let open = async |number: usize| {
        let id = ConnectionId(format!("c{number:03}"));
        let connection = Connection { id, tenant: owner.clone(), topics: Vec::new(), expires_at: NOON };
        store.open(&connection).await.unwrap();
        assert!(store.subscribe(&connection, &[Topic::All]).await.unwrap());
        connection.id
    };
    let opened = join_all((0..501).map(open)).await;
    let first = store.page(&owner, &Topic::All, None).await.unwrap();
    assert_eq!(first.connections, opened[..500]);
    let second = store.page(&owner, &Topic::All, first.next).await.unwrap();
    assert_eq!((second.connections, second.next), (opened[500..].to_vec(), None));
}

/// Everything that is due an hour after noon, sorted: the keys, and the entries that name no message.
async fn all_due(store: &impl DueIndex) -> (Vec<Key>, Vec<String>) {
    let (mut keys, mut unreadable) = (Vec::new(), Vec::new());
    for shard in 0..DUE_SHARDS {
        let mut after = None;
        loop {
            let page = store.due(shard, NOON.plus(Duration::from_secs(3_600)), after.clone()).await.unwrap();
            assert!(page.next.is_none() || page.next != after, "a page must lead on");
            keys.extend(page.keys);
            unreadable.extend(page.unreadable);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    keys.sort();
    (keys, unreadable)
}

#[tokio::test]
async fn items_that_are_no_messages_are_passed_over() {
    let embedded = Embedded::start().await;
    let store = embedded.messages();
    let good = Message::accept(submission(&tenant("acme"), 1), NOON);
    store.create(&good, &payload("{}")).await.unwrap();
    let bad = embedded.spoil().await;
    let (keys, unreadable) = all_due(&store).await;
    assert_eq!(unreadable, ["garbage"]);
    assert!(keys.contains(&Key::of(&good)) && keys.contains(&bad));
    assert_eq!(store.read_many(&[bad.clone(), Key::of(&good)]).await.unwrap(), [good]);
    assert!(matches!(store.read(&bad).await, Err(StoreError::Corrupt(why)) if why.contains("missing")));
    let payload = store.read_payload(&bad).await;
    assert!(matches!(payload, Err(StoreError::Corrupt(why)) if why.contains(&bad.id.to_string())));
}

/// Whether an operator has to mend something, or waiting helps.
#[tokio::test]
async fn a_table_that_fails_says_whether_it_passes() {
    let embedded = Embedded::start().await;
    let key = Key { tenant: tenant("acme"), id: submission(&tenant("acme"), 1).id };
    let missing = MessagesTable::with_client(embedded.client.clone(), "missing".to_owned(), 3);
    assert!(matches!(missing.read(&key).await, Err(StoreError::Refused(_))));
    let nowhere = embedded.client.config().to_builder().endpoint_url("http://127.0.0.1:1");
    let nowhere = nowhere.retry_config(RetryConfig::disabled()).build();
    let unreachable = MessagesTable::with_client(Client::from_conf(nowhere), "messages".to_owned(), 3);
    assert!(matches!(unreachable.read(&key).await, Err(StoreError::Unavailable(_))));
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
