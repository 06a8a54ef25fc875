//! Pushes over API Gateway's management of WebSocket connections.

use crate::ports::{ConnectionId, Push, PushError};
use aws_config::SdkConfig;
use aws_sdk_apigatewaymanagement::{
    Client,
    config::{Builder, retry::RetryConfig},
    operation::post_to_connection::PostToConnectionError,
    primitives::Blob,
};
use std::time::Duration;

/// How long the SDK waits at most before it tries a push again, doubled for the third and last time.
///
/// A client that does not read is answered like a throttled one, and by default the SDK would wait up to three seconds
/// for it, with everybody's updates behind.
const RETRY_WAIT: Duration = Duration::from_millis(50);

/// Posts to the connections of one WebSocket API.
pub struct ApiGatewayPush(Client);

impl ApiGatewayPush {
    /// Takes the API's management URL, `https://{api}.execute-api.{region}.amazonaws.com/{stage}`.
    pub fn new(sdk: &SdkConfig, management_url: &str) -> Self {
        let retries = RetryConfig::standard().with_initial_backoff(RETRY_WAIT);
        let config = Builder::from(sdk).endpoint_url(management_url).retry_config(retries).build();
        Self(Client::from_conf(config))
    }
}

impl Push for ApiGatewayPush {
    async fn push(&self, to: &ConnectionId, frame: &str) -> Result<(), PushError> {
        let sent = self.0.post_to_connection().connection_id(&to.0).data(Blob::new(frame)).send().await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) => Err(match error.as_service_error() {
                Some(PostToConnectionError::GoneException(_)) => PushError::Gone,
                Some(PostToConnectionError::LimitExceededException(_)) => PushError::Slow,
                _ => PushError::Failed(super::dynamodb::describe(&error)),
            }),
        }
    }
}
