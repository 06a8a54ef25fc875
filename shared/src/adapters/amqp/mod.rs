//! The broker over AMQP 1.0.
//!
//! What a sender must know of it: a message without `durable` is not persistent; a pending outcome never resolves when
//! the connection dies, so every send has a time-out; a connection that was idle for 30 s is presumed dead, because the
//! broker cuts it and a frozen sandbox sends no heartbeats.

mod lengths;
mod link;
mod message;

pub use link::{NoTrust, Trust};
pub use message::{Undecodable, text_of};

use crate::{
    adapters::secret::BrokerSecret,
    envelope::Envelope,
    ports::{Broker, SendError},
};
use fe2o3_amqp_types::messaging::Outcome;
use link::Link;
use std::{time::Duration, time::SystemTime};
use tokio::{sync::Mutex, time::timeout};
use url::Url;

/// The queue that work goes to.
pub const WORK_QUEUE: &str = "standard";

/// How long one try may take, connecting included. Two tries fit well into `ingest`'s 15 s.
const TRY_TIMEOUT: Duration = Duration::from_secs(4);

/// How long a connection may have been idle to be used again: well under the broker's time-out of 30 s.
const IDLE_LIMIT: Duration = Duration::from_secs(20);

/// A sender to the work queue. One connection is kept between calls; many sends may be under way on it.
pub struct AmqpBroker {
    endpoints: Vec<Url>,
    secret: BrokerSecret,
    trust: Trust,
    open: Mutex<Slot>,
}

#[derive(Default)]
struct Slot {
    link: Option<Link>,
    /// Counts links, so that a failed send closes the one that it used and not its successor.
    generation: u64,
}

/// An endpoint is no URL. The template must be mended.
#[derive(Debug, thiserror::Error)]
#[error("broker endpoint {endpoint}: {problem}")]
pub struct BadEndpoint {
    endpoint: String,
    problem: String,
}

impl AmqpBroker {
    /// Takes `amqp://` and `amqp+ssl://` endpoints, of which one is alive, and whom to trust for the latter.
    ///
    /// # Errors
    /// [`BadEndpoint`] where there is none, or one can't be read.
    pub fn new(endpoints: &[String], secret: BrokerSecret, trust: Trust) -> Result<Self, BadEndpoint> {
        let endpoints = endpoints.iter().map(|text| endpoint(text)).collect::<Result<Vec<_>, _>>()?;
        if endpoints.is_empty() {
            return Err(BadEndpoint { endpoint: "(none)".to_owned(), problem: "one is needed".to_owned() });
        }
        Ok(Self { endpoints, secret, trust, open: Mutex::default() })
    }

    /// Opens the connection ahead of the first send, in the function's init phase. A failure is left to that send.
    pub async fn warm_up(&self) {
        let mut slot = self.open.lock().await;
        match timeout(TRY_TIMEOUT, self.connect()).await {
            Ok(Ok(link)) => slot.link = Some(link),
            Ok(Err(error)) => tracing::warn!(%error, "the broker could not be reached at the start"),
            Err(_) => tracing::warn!("the broker did not answer at the start"),
        }
    }

    async fn connect(&self) -> Result<Link, SendError> {
        let mut last = SendError::Unavailable("no endpoint was tried".to_owned());
        for endpoint in &self.endpoints {
            let credentials =
                self.secret.credentials().await.map_err(|error| SendError::Refused(error.to_string()))?;
            match Link::open(endpoint, &self.trust, &credentials, WORK_QUEUE).await {
                Ok(link) => return Ok(link),
                Err(error) => {
                    if matches!(error, SendError::Refused(_)) {
                        self.secret.forget().await;
                    }
                    last = error;
                }
            }
        }
        Err(last)
    }

    /// One try. Says with which link it was made, so that a failure can close that one.
    async fn try_send(&self, envelope: &Envelope, delay: Duration, used: &mut u64) -> Result<(), SendError> {
        let body = envelope.to_json().map_err(|error| SendError::Refused(error.to_string()))?;
        let pending = {
            let mut slot = self.open.lock().await;
            *used = slot.generation;
            let reusable = slot.link.as_ref().is_some_and(|link| link.is_fresh(IDLE_LIMIT));
            if !reusable {
                slot.link = None;
                slot.generation += 1;
                *used = slot.generation;
                slot.link = Some(self.connect().await?);
            }
            let link =
                slot.link.as_mut().ok_or_else(|| SendError::Unavailable("not connected".to_owned()))?;
            link.last_used = SystemTime::now();
            let message = message::outgoing(envelope, body, delay);
            link.sender
                .send_batchable(message)
                .await
                .map_err(|error| SendError::Unavailable(error.to_string()))?
        };
        match pending.await {
            Ok(Outcome::Accepted(_)) => Ok(()),
            Ok(outcome) => Err(SendError::Refused(format!("{outcome:?}"))),
            Err(error) => Err(SendError::Unavailable(error.to_string())),
        }
    }

    /// Drops the link of that generation, which also resolves everything that is pending on it.
    async fn close(&self, generation: u64) {
        let mut slot = self.open.lock().await;
        if slot.generation == generation {
            slot.link = None;
        }
    }
}

impl Broker for AmqpBroker {
    /// Tries twice: a kept connection may have died unseen. A message that the first try delivered after all arrives
    /// twice with the same epoch, and only one of the two can be claimed.
    async fn send(&self, envelope: &Envelope, delay: Duration) -> Result<(), SendError> {
        let mut last = SendError::Unavailable("nothing was tried".to_owned());
        for _ in 0..2 {
            let mut used = 0;
            last = match timeout(TRY_TIMEOUT, self.try_send(envelope, delay, &mut used)).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => error,
                Err(_) => SendError::Unavailable(format!("no answer within {} s", TRY_TIMEOUT.as_secs())),
            };
            self.close(used).await;
        }
        Err(last)
    }
}

fn endpoint(text: &str) -> Result<Url, BadEndpoint> {
    let bad = |problem: String| BadEndpoint { endpoint: text.to_owned(), problem };
    let url = Url::parse(text).map_err(|error| bad(error.to_string()))?;
    match url.scheme() {
        "amqp" | "amqp+ssl" => Ok(url),
        scheme => Err(bad(format!("must be amqp or amqp+ssl, not {scheme}"))),
    }
}
