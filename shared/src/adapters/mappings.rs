//! Lambda's API, for how the event source mappings stand.

use super::dynamodb::describe;
use crate::ports::{MappingStatus, MappingWatch, WatchError};
use aws_config::SdkConfig;
use aws_sdk_lambda::Client;

/// The account's event source mappings.
pub struct LambdaMappings {
    client: Client,
}

impl LambdaMappings {
    /// Those of the account and region.
    pub fn new(sdk: &SdkConfig) -> Self {
        Self { client: Client::new(sdk) }
    }
}

impl MappingWatch for LambdaMappings {
    async fn status(&self, id: &str) -> Result<MappingStatus, WatchError> {
        let mapping = self
            .client
            .get_event_source_mapping()
            .uuid(id)
            .send()
            .await
            .map_err(|error| WatchError(describe(&error)))?;
        let state = mapping.state().ok_or_else(|| WatchError("it has no state".to_owned()))?;
        Ok(MappingStatus {
            state: state.to_owned(),
            reason: mapping.state_transition_reason().unwrap_or_default().to_owned(),
        })
    }
}
