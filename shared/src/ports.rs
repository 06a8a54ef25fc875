//! What the functions need of the world. Each port is one capability, and none returns an SDK's type.

mod strays;
mod watch;

pub use strays::{Stray, Strays};
pub use watch::{
    Backlog, BrokerStatus, BrokerWatch, MappingStatus, MappingWatch, Unfinished, UnfinishedPage, WatchError,
};

use crate::{envelope::Envelope, payload::Payload};
use expedite_domain::{Message, MessageId, Priority, State, Tenant, Timestamp, Topic};
use std::{future::Future, time::Duration};

/// The time of day.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Randomness, for ids, owners of leases, tickets and jitter.
pub trait Entropy: Send + Sync {
    /// 128 random bits that nobody can guess.
    fn bits(&self) -> u128;

    /// 64 of them, to pick a point in a [`backoff`](expedite_domain::backoff).
    fn jitter(&self) -> u64 {
        (self.bits() & u128::from(u64::MAX)).try_into().unwrap_or_default()
    }
}

/// Where a message is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its owner.
    pub tenant: Tenant,
    /// Its name.
    pub id: MessageId,
}

impl Key {
    /// The key of `message`.
    pub fn of(message: &Message) -> Self {
        Self { tenant: message.tenant.clone(), id: message.id }
    }
}

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Throttled, timed out or not reachable. It passes; whether a write took effect is unknown.
    #[error("the table can't be reached: {0}")]
    Unavailable(String),
    /// The table refused the call: a missing permission, a missing table. It passes when an operator mends it.
    #[error("the table refused the call: {0}")]
    Refused(String),
    /// An item can't be read as what it should be. It does not pass.
    #[error("an item can't be read: {0}")]
    Corrupt(String),
}

/// What came of storing a new message.
#[derive(Debug, PartialEq, Eq)]
pub enum Created {
    /// It is stored.
    New,
    /// There is one of that name already; nothing was written.
    Exists(Box<Message>),
}

/// What came of replacing a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Replaced {
    /// It is written.
    Written,
    /// Somebody else changed it first; nothing was written. This is what stands there.
    Conflict(Box<Message>),
    /// There is no such message.
    Missing,
}

/// The record of all messages.
pub trait MessageStore: Send + Sync {
    /// Stores a new message and its payload, both or neither.
    fn create(
        &self,
        message: &Message,
        payload: &Payload,
    ) -> impl Future<Output = Result<Created, StoreError>> + Send;

    /// Reads a message as it stands.
    fn read(&self, key: &Key) -> impl Future<Output = Result<Option<Message>, StoreError>> + Send;

    /// Reads many messages as they stand, in no order. What is not there, or can't be read, is left out; the latter is
    /// logged.
    fn read_many(&self, keys: &[Key]) -> impl Future<Output = Result<Vec<Message>, StoreError>> + Send;

    /// Reads a message's payload.
    fn read_payload(&self, key: &Key) -> impl Future<Output = Result<Option<Payload>, StoreError>> + Send;

    /// Writes `next` in the place of `before`, on the condition that `before`'s version is the stored one.
    ///
    /// A write that took effect while its answer got lost is known again by its content and counts as written. A message
    /// that ends takes its payload's time to live with it; one that is revived takes it back, and is missing where the
    /// payload is gone.
    fn replace(
        &self,
        before: &Message,
        next: &Message,
    ) -> impl Future<Output = Result<Replaced, StoreError>> + Send;
}

/// Where a page of a tenant's messages ends: sorts by time of creation, then by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// When the last message of the page was created.
    pub created_at: Timestamp,
    /// Its id.
    pub id: MessageId,
}

/// A page of keys, newest message first.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct KeyPage {
    /// Where each message was found.
    pub positions: Vec<Position>,
    /// Whether there may be more behind the last one.
    pub more: bool,
}

/// The messages of a tenant, newest first. May lag behind [`MessageStore`] by a moment.
pub trait TenantIndex: Send + Sync {
    /// Up to `limit` keys behind `after`.
    fn page(
        &self,
        tenant: &Tenant,
        after: Option<Position>,
        limit: usize,
    ) -> impl Future<Output = Result<KeyPage, StoreError>> + Send;
}

/// What the index over states tells of a message without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Where it was found.
    pub position: Position,
    /// How urgent it is.
    pub priority: Priority,
    /// Not to be started earlier than this.
    pub deliver_at: Timestamp,
}

/// A page of the messages in one state, newest first.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct StatePage {
    /// The messages.
    pub standings: Vec<Standing>,
    /// Whether there may be more behind the last one.
    pub more: bool,
}

/// A tenant's messages by state: those that are not final, and the failed ones, which are what somebody may have to put
/// right. May lag behind [`MessageStore`] by a moment.
pub trait StateIndex: Send + Sync {
    /// Up to `limit` messages in `state` behind `after`; none at all in a state that is not kept.
    fn in_state(
        &self,
        tenant: &Tenant,
        state: State,
        after: Option<Position>,
        limit: usize,
    ) -> impl Future<Output = Result<StatePage, StoreError>> + Send;
}

/// Whether [`StateIndex`] knows the messages in `state`.
pub const fn is_indexed(state: State) -> bool {
    !state.is_final() || matches!(state, State::Failed)
}

/// How many parts the index over `due_at` has, so that writes to it spread. Each is swept in turn.
pub const DUE_SHARDS: u8 = 4;

/// A page of what is due.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct DuePage {
    /// The keys, most overdue first.
    pub keys: Vec<Key>,
    /// Where the next page starts, opaque to callers; none behind the last one.
    pub next: Option<DuePosition>,
    /// Index entries that name no message. They are passed over, and said.
    pub unreadable: Vec<String>,
}

/// Where a page of due messages ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuePosition {
    /// The table key of the last entry.
    pub pk: String,
    /// Its `due_at`.
    pub due_at: i64,
}

/// The messages that somebody must look at. May lag behind [`MessageStore`] by a moment.
pub trait DueIndex: Send + Sync {
    /// Messages of one shard whose `due_at` has come, most overdue first.
    fn due(
        &self,
        shard: u8,
        now: Timestamp,
        after: Option<DuePosition>,
    ) -> impl Future<Output = Result<DuePage, StoreError>> + Send;
}

/// Why the broker did not confirm a message.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Not reachable, silent, or cut off. It passes; the broker may have the message all the same.
    #[error("the broker can't be reached: {0}")]
    Unavailable(String),
    /// The broker answered and refused: credentials, a permission, a full store. It passes when an operator mends it.
    #[error("the broker refused: {0}")]
    Refused(String),
}

/// How long a call of [`Broker`] takes at the most: two tries, so that one can go to a connection that has died unseen.
pub const SEND_LIMIT: Duration = Duration::from_secs(8);

/// A message for the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// The message.
    pub envelope: Envelope,
    /// How long the broker holds it back.
    pub delay: Duration,
}

/// The broker, seen by a sender.
pub trait Broker: Send + Sync {
    /// Sends one message and waits for the broker's confirmation that it is stored. The broker holds it back for
    /// `delay`.
    fn send(
        &self,
        envelope: &Envelope,
        delay: Duration,
    ) -> impl Future<Output = Result<(), SendError>> + Send;

    /// Sends many, so that they share the broker's flushes of its disk, and says of each whether it was confirmed. They
    /// set out in their order; the answers are in that order too, and as many.
    ///
    /// A message that the broker refuses harms no other. What is not confirmed within [`SEND_LIMIT`], or follows on a
    /// broken connection, is an error like any other: the broker may have it all the same.
    fn send_all(&self, parcels: &[Parcel]) -> impl Future<Output = Vec<Result<(), SendError>>> + Send;
}

/// SHA-256 of a ticket: all that is stored of it.
pub type TicketHash = [u8; 32];

/// Single-use permissions to open a WebSocket.
pub trait Tickets: Send + Sync {
    /// Remembers a ticket.
    fn issue(
        &self,
        hash: &TicketHash,
        tenant: &Tenant,
        expires_at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Uses a ticket up and says whose it was; none where it is unknown, used or expired at `now`.
    fn redeem(
        &self,
        hash: &TicketHash,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Tenant>, StoreError>> + Send;
}

/// API Gateway's name for an open WebSocket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub String);

/// An open WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Its name.
    pub id: ConnectionId,
    /// Whose it is.
    pub tenant: Tenant,
    /// What it subscribed to.
    pub topics: Vec<Topic>,
    /// When the row may be forgotten.
    pub expires_at: Timestamp,
}

/// The open WebSockets and what they subscribed to.
pub trait Connections: Send + Sync {
    /// Remembers a connection.
    fn open(&self, connection: &Connection) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads a connection.
    fn find(&self, id: &ConnectionId) -> impl Future<Output = Result<Option<Connection>, StoreError>> + Send;

    /// Adds topics; those it has already stay. False where the connection is gone.
    fn subscribe(
        &self,
        connection: &Connection,
        topics: &[Topic],
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Takes topics away; those it does not have are passed over.
    fn unsubscribe(
        &self,
        connection: &Connection,
        topics: &[Topic],
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Forgets a connection and all its subscriptions. An unknown one is no error.
    fn close(&self, id: &ConnectionId) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// A page of subscribers.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SubscriberPage {
    /// Who they are.
    pub connections: Vec<ConnectionId>,
    /// Where the next page starts; none behind the last one.
    pub next: Option<ConnectionId>,
}

/// Who subscribed to what.
pub trait Subscribers: Send + Sync {
    /// A page of the connections that subscribed to `topic` of `tenant`, as they stand.
    fn page(
        &self,
        tenant: &Tenant,
        topic: &Topic,
        after: Option<ConnectionId>,
    ) -> impl Future<Output = Result<SubscriberPage, StoreError>> + Send;
}

/// Why a push did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The connection is closed; forget it.
    #[error("the connection is gone")]
    Gone,
    /// Its buffer is full; it reads too slowly.
    #[error("the connection reads too slowly")]
    Slow,
    /// Anything else. The subscriber fetches what it missed.
    #[error("the push failed: {0}")]
    Failed(String),
}

/// The way to an open WebSocket.
pub trait Push: Send + Sync {
    /// Sends one frame of text.
    fn push(&self, to: &ConnectionId, frame: &str) -> impl Future<Output = Result<(), PushError>> + Send;
}
