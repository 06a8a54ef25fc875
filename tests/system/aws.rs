//! The deployed stack, reached as its administrator.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_lambda::types::Environment;
use expedite_tests::launcher::System;
use std::{collections::HashMap, time::Duration};

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
    configuration(system, function).await.variables
}

/// The subnets that a function is in.
pub async fn subnets(system: &System, function: &str) -> Vec<String> {
    let lambda = aws_sdk_lambda::Client::new(&sdk(system).await);
    let name = format!("{}-{function}", system.endpoints.stack_name);
    let found = lambda.get_function_configuration().function_name(&name).send().await.unwrap();
    found.vpc_config.and_then(|network| network.subnet_ids).unwrap_or_default()
}

/// Has a function's next calls served by new sandboxes, as a deployment does.
pub async fn fresh_sandboxes(system: &System, function: &str) {
    configure(system, &configuration(system, function).await).await;
}

/// A function that is configured otherwise until this goes, however the test ends.
pub struct Otherwise {
    system: &'static System,
    before: FunctionConfiguration,
}

#[derive(Clone)]
struct FunctionConfiguration {
    name: String,
    role: String,
    variables: HashMap<String, String>,
    /// Seconds.
    time_limit: i32,
}

impl Otherwise {
    /// With another value of a variable.
    pub async fn given(system: &'static System, function: &str, variable: &str, value: &str) -> Self {
        let before = configuration(system, function).await;
        let mut changed = before.clone();
        let old = changed.variables.insert(variable.to_owned(), value.to_owned());
        assert!(old.is_some(), "{function} has no {variable}");
        configure(system, &changed).await;
        Self { system, before }
    }

    /// With another time limit.
    pub async fn limited(system: &'static System, function: &str, to: Duration) -> Self {
        let before = configuration(system, function).await;
        let time_limit = i32::try_from(to.as_secs()).unwrap();
        configure(system, &FunctionConfiguration { time_limit, ..before.clone() }).await;
        Self { system, before }
    }

    /// With the permissions of another function, and none of its own.
    pub async fn acting_as(system: &'static System, function: &str, other: &str) -> Self {
        let before = configuration(system, function).await;
        let role = configuration(system, other).await.role;
        configure(system, &FunctionConfiguration { role, ..before.clone() }).await;
        Self { system, before }
    }
}

impl Drop for Otherwise {
    fn drop(&mut self) {
        finish(configure(self.system, &self.before));
    }
}

/// A queue's mapping that waits a second for each batch to fill, until this goes.
///
/// By the template's window of zero, how many messages share a batch is a matter of chance.
pub struct FullBatches {
    system: &'static System,
    mapping: String,
}

impl FullBatches {
    /// To be called while nothing is polled, so that no batch is under way.
    pub async fn of(system: &'static System, queue: &str) -> Self {
        let lambda = aws_sdk_lambda::Client::new(&sdk(system).await);
        let listed = lambda.list_event_source_mappings().send().await.unwrap();
        let found =
            listed.event_source_mappings().iter().find(|mapping| mapping.queues() == [queue]).unwrap();
        let mapping = found.uuid().unwrap().to_owned();
        set_window(system, &mapping, 1).await;
        Self { system, mapping }
    }
}

impl Drop for FullBatches {
    fn drop(&mut self) {
        finish(set_window(self.system, &self.mapping, 0));
    }
}

async fn set_window(system: &System, mapping: &str, seconds: i32) {
    let lambda = aws_sdk_lambda::Client::new(&sdk(system).await);
    let update = lambda.update_event_source_mapping().uuid(mapping);
    update.maximum_batching_window_in_seconds(seconds).send().await.unwrap();
}

/// For destructors, which can't wait in the test's runtime: in a thread and a runtime of its own.
fn finish(work: impl Future<Output = ()> + Send) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(work);
        });
    });
}

/// Awaits something while the relay sweeps all the time, which else it does once a minute.
pub async fn swept<T>(system: &System, what: impl Future<Output = T>) -> T {
    let lambda = aws_sdk_lambda::Client::new(&sdk(system).await);
    let sweep = || lambda.invoke().function_name(format!("{}-relay", system.endpoints.stack_name)).send();
    let sweeps = async {
        loop {
            sweep().await.unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        done = what => done,
        () = sweeps => unreachable!("it goes on for ever"),
    }
}

async fn configuration(system: &System, function: &str) -> FunctionConfiguration {
    let lambda = aws_sdk_lambda::Client::new(&sdk(system).await);
    let name = format!("{}-{function}", system.endpoints.stack_name);
    let found = lambda.get_function_configuration().function_name(&name).send().await.unwrap();
    let variables = found.environment.and_then(|environment| environment.variables).unwrap();
    FunctionConfiguration { name, role: found.role.unwrap(), variables, time_limit: found.timeout.unwrap() }
}

async fn configure(system: &System, to: &FunctionConfiguration) {
    let lambda = aws_sdk_lambda::Client::new(&sdk(system).await);
    let environment = Environment::builder().set_variables(Some(to.variables.clone())).build();
    let update = lambda.update_function_configuration().function_name(&to.name);
    update.role(&to.role).timeout(to.time_limit).environment(environment).send().await.unwrap();
}
