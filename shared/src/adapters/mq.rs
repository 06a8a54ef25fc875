//! Amazon MQ's API, for how the broker stands.

use super::dynamodb::describe;
use crate::ports::{BrokerStatus, BrokerWatch, WatchError};
use aws_config::SdkConfig;
use aws_sdk_mq::{
    Client,
    operation::describe_broker::DescribeBrokerOutput,
    types::{ConfigurationId, LogsSummary},
};

/// One broker.
pub struct MqBroker {
    client: Client,
    id: String,
}

impl MqBroker {
    /// The broker of that id, `b-…`.
    pub fn new(sdk: &SdkConfig, id: String) -> Self {
        Self { client: Client::new(sdk), id }
    }
}

impl BrokerWatch for MqBroker {
    async fn status(&self) -> Result<BrokerStatus, WatchError> {
        let broker = self
            .client
            .describe_broker()
            .broker_id(&self.id)
            .send()
            .await
            .map_err(|error| WatchError(describe(&error)))?;
        let state = broker.broker_state().ok_or_else(|| WatchError("it has no state".to_owned()))?;
        let actions = broker.actions_required().iter().map(|action| {
            let info = action.action_required_info().unwrap_or_default();
            format!("{}: {info}", action.action_required_code().unwrap_or("no code"))
        });
        Ok(BrokerStatus {
            state: state.as_str().to_owned(),
            instances: broker.broker_instances().len(),
            actions: actions.collect(),
            pending: pending(&broker),
        })
    }
}

/// What Amazon MQ applies only at a reboot, by its own word or in the maintenance window.
fn pending(broker: &DescribeBrokerOutput) -> Vec<String> {
    let mut pending = Vec::new();
    let configurations = broker.configurations();
    if let Some(next) = configurations.and_then(|all| all.pending())
        && configurations.and_then(|all| all.current()).is_none_or(|current| !same(current, next))
    {
        pending.push(format!("configuration revision {}", next.revision().unwrap_or_default()));
    }
    if let Some(version) = broker.pending_engine_version() {
        pending.push(format!("engine version {version}"));
    }
    if let Some(kind) = broker.pending_host_instance_type() {
        pending.push(format!("instance type {kind}"));
    }
    if !broker.pending_security_groups().is_empty() {
        pending.push("security groups".to_owned());
    }
    if broker.logs().and_then(LogsSummary::pending).is_some() {
        pending.push("logs".to_owned());
    }
    let users = broker.users().iter().filter(|user| user.pending_change().is_some());
    pending.extend(users.map(|user| format!("user {}", user.username().unwrap_or_default())));
    pending
}

fn same(one: &ConfigurationId, other: &ConfigurationId) -> bool {
    (one.id(), one.revision()) == (other.id(), other.revision())
}
