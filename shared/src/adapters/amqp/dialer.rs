use super::{
    Trust,
    link::{Link, unavailable},
};
use crate::{adapters::secret::BrokerSecret, ports::SendError};
use url::Url;

/// Where the broker is, and how one gets in.
pub(super) struct Dialer {
    endpoints: Vec<Url>,
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
        Ok(Self { endpoints, secret, trust })
    }

    /// Connects to the endpoint that is alive. A password that is refused is read anew the next time.
    pub(super) async fn connect(&self) -> Result<Link, SendError> {
        let mut last = unavailable("no endpoint was tried");
        for endpoint in &self.endpoints {
            let credentials =
                self.secret.credentials().await.map_err(|error| SendError::Refused(error.to_string()))?;
            match Link::open(endpoint, &self.trust, &credentials).await {
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
}

fn endpoint(text: &str) -> Result<Url, BadEndpoint> {
    let bad = |problem: String| BadEndpoint { endpoint: text.to_owned(), problem };
    let url = Url::parse(text).map_err(|error| bad(error.to_string()))?;
    match url.scheme() {
        "amqp" | "amqp+ssl" => Ok(url),
        scheme => Err(bad(format!("must be amqp or amqp+ssl, not {scheme}"))),
    }
}
