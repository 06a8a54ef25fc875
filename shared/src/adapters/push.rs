//! Pushes over API Gateway's management of WebSocket connections.

use crate::ports::{ConnectionId, Push, PushError};
use aws_config::SdkConfig;
use aws_sdk_apigatewaymanagement::{
    Client, config::Builder, operation::post_to_connection::PostToConnectionError, primitives::Blob,
};

/// Posts to the connections of one WebSocket API.
pub struct ApiGatewayPush(Client);

impl ApiGatewayPush {
    /// Takes the API's management URL, `https://{api}.execute-api.{region}.amazonaws.com/{stage}`.
    pub fn new(sdk: &SdkConfig, management_url: &str) -> Self {
        Self(Client::from_conf(Builder::from(sdk).endpoint_url(management_url).build()))
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
