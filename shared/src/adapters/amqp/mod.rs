//! The broker over AMQP 1.0.
//!
//! What a sender must know of it: a message without `durable` is not persistent; a pending outcome never resolves when
//! the connection dies, so every send has a time-out; a connection that was idle for 30 s is presumed dead, because the
//! broker cuts it and a frozen sandbox sends no heartbeats. And it takes the messages of one connection one after the
//! other, each with a flush of its disk, within a transaction too; what comes on several connections at once shares a
//! flush. So many messages go over several (`docs/decisions.md` has the figures).

mod dialer;
mod lane;
mod lengths;
mod line;
mod link;
mod message;

pub use dialer::BadEndpoint;
pub use lane::{ExpressLane, Lane, NeitherOnNorOff};
pub use link::{NoTrust, Trust};
pub use message::{Undecodable, text_of};

use crate::{
    adapters::secret::BrokerSecret,
    envelope::Envelope,
    ports::{Broker, Parcel, SEND_LIMIT, SendError},
};
use dialer::Dialer;
use futures_util::{StreamExt, stream};
use line::Line;
use link::{Fault, TRY_TIMEOUT, unavailable};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tokio::time::{Instant, timeout, timeout_at};

/// On how many connections at most many messages are sent: so many share a flush of the broker's disk. A small broker
/// takes 300 connections.
const LINES: usize = 16;

/// One more connection is worth opening for so many messages.
const PER_LINE: usize = 8;

/// How many messages are under way on each connection: while the broker is at one, the next one is there already.
const UNDER_WAY: usize = 2;

/// A sender to the broker's lanes. Its connections are kept between calls; single messages all take the first one.
pub struct AmqpBroker {
    dialer: Dialer,
    express: ExpressLane,
    lines: [Line; LINES],
}

impl AmqpBroker {
    /// Takes `amqp://` and `amqp+ssl://` endpoints, of which one is alive, and whom to trust for the latter.
    ///
    /// # Errors
    /// [`BadEndpoint`] where there is none, or one can't be read.
    pub fn new(
        endpoints: &[String],
        secret: BrokerSecret,
        trust: Trust,
        express: ExpressLane,
    ) -> Result<Self, BadEndpoint> {
        let dialer = Dialer::new(endpoints, secret, trust)?;
        Ok(Self { dialer, express, lines: std::array::from_fn(|_| Line::default()) })
    }

    /// Opens the connection ahead of the first send, in the function's init phase. A failure is left to that send.
    pub async fn warm_up(&self) {
        let [first, ..] = &self.lines;
        match timeout(TRY_TIMEOUT, first.warm_up(&self.dialer, self.express.lanes())).await {
            Ok(Ok(())) => (),
            Ok(Err(fault)) => {
                tracing::warn!(error = %fault.into_error(), "the broker could not be reached at the start");
            }
            Err(_) => tracing::warn!("the broker did not answer at the start"),
        }
    }

    async fn send_over(&self, line: &Line, envelope: &Envelope, delay: Duration) -> Result<(), Fault> {
        let message = message::outgoing(envelope, delay)
            .map_err(|error| Fault::Message(SendError::Refused(error.to_string())))?;
        line.send(&self.dialer, self.express.lane(envelope), &message).await
    }
}

impl Broker for AmqpBroker {
    async fn send(&self, envelope: &Envelope, delay: Duration) -> Result<(), SendError> {
        let [first, ..] = &self.lines;
        self.send_over(first, envelope, delay).await.map_err(Fault::into_error)
    }

    /// Messages start in their order, each on the next connection. Once two tries have failed on one, none is begun any
    /// more: five hundred more would fail as well, and each would ask the broker for a new connection twice.
    async fn send_all(&self, parcels: &[Parcel]) -> Vec<Result<(), SendError>> {
        let late = || unavailable(format!("not confirmed within {} s", SEND_LIMIT.as_secs()));
        let mut results: Vec<_> = parcels.iter().map(|_| Err(late())).collect();
        let deadline = Instant::now() + SEND_LIMIT;
        let used = parcels.len().div_ceil(PER_LINE).clamp(1, LINES);
        let given_up = &AtomicBool::new(false);
        let mut sends = stream::iter(0..parcels.len())
            .map(|index| async move {
                if given_up.load(Ordering::Relaxed) {
                    return (index, Err(unavailable("another one failed before it")));
                }
                let parcel = &parcels[index];
                let sent = self.send_over(&self.lines[index % used], &parcel.envelope, parcel.delay).await;
                given_up.fetch_or(matches!(sent, Err(Fault::Connection(_))), Ordering::Relaxed);
                (index, sent.map_err(Fault::into_error))
            })
            .buffer_unordered(used * UNDER_WAY);
        while let Ok(Some((index, sent))) = timeout_at(deadline, sends.next()).await {
            results[index] = sent;
        }
        results
    }
}
