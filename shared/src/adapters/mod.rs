//! The ports over the real things. Only here are SDKs and the AMQP client named.

pub mod amqp;
pub mod dynamodb;
pub mod emf;
pub mod lambda_handler;
pub mod mappings;
pub mod mq;
pub mod push;
pub mod secret;
pub mod stream;
pub mod system;

use aws_config::{BehaviorVersion, SdkConfig};

/// The SDK's configuration from the function's environment: region, credentials, and an endpoint where one is set.
pub async fn sdk_config() -> SdkConfig {
    aws_config::load_defaults(BehaviorVersion::latest()).await
}
