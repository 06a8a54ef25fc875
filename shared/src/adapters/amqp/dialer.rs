use super::{
    Trust,
    link::{Link, TRY_TIMEOUT, unavailable},
};
use crate::{adapters::secret::BrokerSecret, ports::SendError};
use std::{
    iter::zip,
    sync::atomic::{AtomicUsize, Ordering},
};
use tokio::time::timeout;
use url::Url;

/// Where the broker is, and how one gets in.
pub(super) struct Dialer {
    endpoints: Vec<Url>,
    /// Index of the endpoint that was alive the last time.
    alive: AtomicUsize,
    secret: BrokerSecret,
    trust: Trust,
}

/// An endpoint is no URL. The template must be mended.
#[derive(Debug, thiserror::Error)]
#[error("broker endpoint {endpoint}: {problem}")]
pub struct BadEndpoint {
    endpoint: String,
    problem: String,
}

impl Dialer {
    pub(super) fn new(endpoints: &[String], secret: BrokerSecret, trust: Trust) -> Result<Self, BadEndpoint> {
        let endpoints = endpoints.iter().map(|text| endpoint(text)).collect::<Result<Vec<_>, _>>()?;
        if endpoints.is_empty() {
            return Err(BadEndpoint { endpoint: "(none)".to_owned(), problem: "one is needed".to_owned() });
        }
        Ok(Self { endpoints, alive: AtomicUsize::new(0), secret, trust })
    }

    /// Connects to the endpoint that is alive: tries the one that was so the last time, then the others. Each gets its
    /// share of a try's time, since a host that is gone answers nothing, not even that it refuses; the message that is
    /// sent afterwards has one as well. A password that is refused is read anew the next time.
    pub(super) async fn connect(&self) -> Result<Link, SendError> {
        let count = self.endpoints.len();
        let share = TRY_TIMEOUT / u32::try_from(count + 1).unwrap_or(u32::MAX);
        let first = self.alive.load(Ordering::Relaxed);
        let in_turn = zip(0.., &self.endpoints).cycle().skip(first).take(count);
        let mut worst = unavailable("no endpoint was tried");
        for (index, endpoint) in in_turn {
            let credentials =
                self.secret.credentials().await.map_err(|error| SendError::Refused(error.to_string()))?;
            let opened = timeout(share, Link::open(endpoint, &self.trust, &credentials)).await;
            match opened.unwrap_or_else(|_| Err(unavailable(format!("{endpoint} does not answer")))) {
                Ok(link) => {
                    self.alive.store(index, Ordering::Relaxed);
                    return Ok(link);
                }
                Err(error @ SendError::Refused(_)) => {
                    self.secret.forget().await;
                    worst = error;
                }
                // A standby is never there: what the active one has refused says more.
                Err(error) if matches!(worst, SendError::Unavailable(_)) => worst = error,
                Err(_) => (),
            }
        }
        Err(worst)
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
