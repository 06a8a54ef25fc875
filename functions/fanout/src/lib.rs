//! Pushes each change of a message to the sockets that subscribed to it.
//!
//! A push may get lost or come twice; subscribers order updates by version and fetch what they missed. So only the
//! reading of subscribers can fail the function; what happens to one socket is that socket's matter.

mod frames;

use aws_lambda_events::dynamodb::Event;
use expedite::{
    about,
    adapters::stream::changes,
    domain::{Message, Tenant, Topic},
    metrics::{Meter, Metric, stream_lag},
    ports::{Clock, ConnectionId, Connections, Key, Push, PushError, StoreError, Subscribers},
    view::Update,
};
use frames::frames;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

/// How many topics are looked up, and how many sockets are pushed to, at once.
const AT_ONCE: usize = 32;

/// How long a socket with a full buffer gets before the second try, which is the last.
const SLOW_WAIT: Duration = Duration::from_millis(100);

/// The use case and the ports it stands on.
pub struct Fanout<C, P, K, M> {
    /// Who subscribed, and where the gone are forgotten.
    pub connections: C,
    /// The way to the sockets.
    pub push: P,
    /// What time it is.
    pub clock: K,
    /// What takes the metrics.
    pub meter: M,
}

/// What became of a batch, for the log.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Updates, one for each message that changed.
    pub updates: usize,
    /// Frames that arrived.
    pub pushed: usize,
    /// Connections that turned out to be closed and were forgotten.
    pub gone: usize,
    /// Connections that read too slowly and missed a frame.
    pub slow: usize,
    /// Frames that did not arrive for another reason.
    pub failed: usize,
}

impl<C: Connections + Subscribers, P: Push, K: Clock, M: Meter> Fanout<C, P, K, M> {
    /// Pushes the changes in `event`.
    ///
    /// # Errors
    /// The subscribers can't be read; the mapping delivers the batch again.
    pub async fn run(&self, event: Event) -> Result<Report, StoreError> {
        let result = self.fan_out(event).await;
        self.meter.flush();
        result
    }

    async fn fan_out(&self, event: Event) -> Result<Report, StoreError> {
        let messages = newest(event);
        stream_lag(&self.meter, &messages, self.clock.now());
        let subscribers = self.subscribers(&messages).await?;
        let outboxes = outboxes(&messages, &subscribers);
        let sent: Vec<Report> = stream::iter(outboxes)
            .map(|(connection, updates)| self.deliver(connection, updates))
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let report = sent.iter().fold(Report { updates: messages.len(), ..Report::default() }, add);
        tracing::info!(
            updates = report.updates,
            pushed = report.pushed,
            gone = report.gone,
            slow = report.slow,
            failed = report.failed,
            "pushed"
        );
        self.meter.count(Metric::PushesSent, report.pushed);
        self.meter.count(Metric::PushesGone, report.gone);
        self.meter.count(Metric::PushesSlow, report.slow);
        self.meter.count(Metric::PushesFailed, report.failed);
        Ok(report)
    }

    /// Every topic of the batch with its subscribers.
    async fn subscribers(
        &self,
        messages: &[Message],
    ) -> Result<HashMap<(Tenant, Topic), Vec<ConnectionId>>, StoreError> {
        let topics: BTreeSet<_> = messages.iter().flat_map(topics).collect();
        stream::iter(topics)
            .map(|(tenant, topic)| async {
                let all = self.all_pages(&tenant, &topic).await?;
                Ok(((tenant, topic), all))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    async fn all_pages(&self, tenant: &Tenant, topic: &Topic) -> Result<Vec<ConnectionId>, StoreError> {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let page = self.connections.page(tenant, topic, after).await?;
            all.extend(page.connections);
            after = page.next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    /// Sends a connection its frames one after the other: two under way could arrive in either order.
    async fn deliver(&self, connection: ConnectionId, updates: Vec<Update>) -> Report {
        let mut report = Report::default();
        for frame in frames(&updates) {
            match self.push_patiently(&connection, &frame).await {
                Ok(()) => report.pushed += 1,
                Err(PushError::Gone) => {
                    report.gone += 1;
                    if let Err(error) = self.connections.close(&connection).await {
                        tracing::warn!(connection = connection.0, %error, "a closed connection could not be forgotten");
                    }
                    break;
                }
                Err(PushError::Slow) => report.slow += 1,
                Err(PushError::Failed(error)) => {
                    report.failed += 1;
                    tracing::warn!(connection = connection.0, error, "a push failed");
                }
            }
        }
        report
    }

    async fn push_patiently(&self, to: &ConnectionId, frame: &str) -> Result<(), PushError> {
        match self.push.push(to, frame).await {
            Err(PushError::Slow) => {
                tokio::time::sleep(SLOW_WAIT).await;
                self.push.push(to, frame).await
            }
            result => result,
        }
    }
}

/// The newest change of each message, in the order in which the messages first appear.
fn newest(event: Event) -> Vec<Message> {
    let mut order = Vec::new();
    let mut newest: HashMap<Key, Message> = HashMap::new();
    for change in changes(event) {
        match change.message {
            Ok(message) => {
                let key = Key::of(&message);
                let known = newest.get(&key).map(|known| known.version);
                if known.is_none() {
                    order.push(key.clone());
                }
                if known.is_none_or(|version| version < message.version) {
                    newest.insert(key, message);
                }
            }
            Err(error) => {
                tracing::error!(sequence = change.sequence_number, %error, "a change can't be read and was not pushed");
            }
        }
    }
    order.iter().filter_map(|key| newest.remove(key)).collect()
}

fn topics(message: &Message) -> [(Tenant, Topic); 3] {
    [Topic::All, Topic::Message(message.id), Topic::Type(message.kind.clone())]
        .map(|topic| (message.tenant.clone(), topic))
}

/// What each connection gets: each message once, however many of its topics match.
fn outboxes(
    messages: &[Message],
    subscribers: &HashMap<(Tenant, Topic), Vec<ConnectionId>>,
) -> BTreeMap<ConnectionId, Vec<Update>> {
    let mut outboxes: BTreeMap<ConnectionId, Vec<Update>> = BTreeMap::new();
    for message in messages {
        let update = Update::of(message);
        let readers: BTreeSet<_> =
            topics(message).iter().filter_map(|topic| subscribers.get(topic)).flatten().collect();
        if !readers.is_empty() {
            let (version, state, sockets) = (message.version, message.state, readers.len());
            about!(info, message, version, %state, sockets, "to be pushed");
        }
        for reader in readers {
            outboxes.entry(reader.clone()).or_default().push(update.clone());
        }
    }
    outboxes
}

fn add(sum: Report, one: &Report) -> Report {
    Report {
        updates: sum.updates,
        pushed: sum.pushed + one.pushed,
        gone: sum.gone + one.gone,
        slow: sum.slow + one.slow,
        failed: sum.failed + one.failed,
    }
}
