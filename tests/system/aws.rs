//! The deployed stack, reached as its administrator.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use expedite_tests::launcher::System;
use std::collections::HashMap;

/// The SDK's configuration for the emulator, whose key `test` is root.
pub async fn sdk(system: &System) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(system.endpoints.region.clone()))
        .endpoint_url(&system.endpoints.aws_endpoint_url)
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .load()
        .await
}

/// The environment that the template gave a function.
pub async fn environment(system: &System, function: &str) -> HashMap<String, String> {
    let lambda = aws_sdk_lambda::Client::new(&sdk(system).await);
    let name = format!("{}-{function}", system.endpoints.stack_name);
    let configuration = lambda.get_function_configuration().function_name(name).send().await.unwrap();
    configuration.environment.and_then(|environment| environment.variables).unwrap()
}
