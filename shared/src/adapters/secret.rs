//! The broker's user and password, from Secrets Manager.

use aws_config::SdkConfig;
use serde::Deserialize;
use tokio::sync::Mutex;

/// A broker user.
#[derive(Clone, Deserialize)]
pub struct Credentials {
    pub(crate) username: String,
    pub(crate) password: String,
}

/// Reads a secret once and keeps it, until it is found to be wrong.
pub struct BrokerSecret {
    client: aws_sdk_secretsmanager::Client,
    arn: String,
    cached: Mutex<Option<Credentials>>,
}

/// The secret can't be had. It passes when Secrets Manager is reachable, or when an operator mends the secret.
#[derive(Debug, thiserror::Error)]
#[error("the broker's password can't be read: {0}")]
pub struct SecretError(String);

impl BrokerSecret {
    /// The secret of that ARN: `{"username": …, "password": …}`.
    pub fn new(sdk: &SdkConfig, arn: String) -> Self {
        Self { client: aws_sdk_secretsmanager::Client::new(sdk), arn, cached: Mutex::new(None) }
    }

    pub(crate) async fn credentials(&self) -> Result<Credentials, SecretError> {
        let mut cached = self.cached.lock().await;
        if let Some(credentials) = cached.as_ref() {
            return Ok(credentials.clone());
        }
        let answer = self.client.get_secret_value().secret_id(&self.arn).send().await;
        let answer = answer.map_err(|error| SecretError(super::dynamodb::describe(&error)))?;
        let text = answer.secret_string().ok_or_else(|| SecretError("it holds no text".to_owned()))?;
        // The parser's message could quote the secret; its kind is all that may be said.
        let credentials: Credentials = serde_json::from_str(text)
            .map_err(|_| SecretError("it is no JSON with username and password".to_owned()))?;
        Ok(cached.insert(credentials).clone())
    }

    /// Forgets what is kept, so that the next look sees a rotated password.
    pub(crate) async fn forget(&self) {
        *self.cached.lock().await = None;
    }
}
