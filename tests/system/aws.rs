//! The deployed stack, reached as its administrator.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_lambda::types::Environment;
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
    let name = deployed_name(system, function);
    let configuration = lambda.get_function_configuration().function_name(name).send().await.unwrap();
    configuration.environment.and_then(|environment| environment.variables).unwrap()
}

fn deployed_name(system: &System, function: &str) -> String {
    format!("{}-{function}", system.endpoints.stack_name)
}

async fn set_environment(system: &System, function: &str, variables: HashMap<String, String>) {
    let lambda = aws_sdk_lambda::Client::new(&sdk(system).await);
    let environment = Environment::builder().set_variables(Some(variables)).build();
    let name = deployed_name(system, function);
    lambda.update_function_configuration().function_name(name).environment(environment).send().await.unwrap();
}

/// A function has another environment until this goes, however the test ends.
pub struct Changed {
    system: &'static System,
    function: &'static str,
    before: Option<HashMap<String, String>>,
}

impl Changed {
    /// Gives one variable of a function another value.
    pub async fn variable(system: &'static System, function: &'static str, name: &str, value: &str) -> Self {
        let before = environment(system, function).await;
        let mut variables = before.clone();
        assert!(variables.insert(name.to_owned(), value.to_owned()).is_some(), "{function} knows no {name}");
        let changed = Self { system, function, before: Some(before) };
        set_environment(system, function, variables).await;
        changed
    }

    /// Puts it back.
    pub async fn end(mut self) {
        if let Some(before) = self.before.take() {
            set_environment(self.system, self.function, before).await;
        }
    }
}

impl Drop for Changed {
    /// The test has failed. Its runtime can't be waited on from here, so another one puts the environment back.
    fn drop(&mut self) {
        if let Some(before) = self.before.take() {
            let (system, function) = (self.system, self.function);
            let put_back = move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(set_environment(system, function, before));
            };
            let _ = std::thread::spawn(put_back).join();
        }
    }
}
