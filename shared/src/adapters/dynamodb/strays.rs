//! Strays lie beside the messages, in a partition of their own.

use super::{incomplete, messages::MessagesTable, store_error, ttl};
use crate::ports::{StoreError, Stray, Strays};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use serde::{Deserialize, Serialize};

/// Their partition key. A message's is `<tenant>#<id>`, and no tenant is empty, so none can reach in here.
const PARTITION: &str = "#strays";

/// Bytes of data in one item. An item may have 400 KB, with everything else that is in it.
const CHUNK: usize = 350 * 1024;

/// Characters of every other text, which anybody may have made as long as they liked.
const TEXT: usize = 1_000;

#[derive(Debug, Serialize, Deserialize)]
struct StrayItem {
    pk: String,
    /// The stray's name, `#`, and the part with leading zeros: an event of 6 MB makes no more than 18.
    sk: String,
    broker_id: String,
    queue: String,
    queued_at: i64,
    found_at: i64,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    given_up: Option<String>,
    /// From 1.
    part: usize,
    parts: usize,
    data: String,
    expires_at: i64,
}

impl Strays for MessagesTable {
    async fn keep(&self, stray: &Stray) -> Result<(), StoreError> {
        let chunks = chunks(&stray.data);
        for (at, data) in chunks.iter().enumerate() {
            let part = at + 1;
            let item = StrayItem {
                pk: PARTITION.to_owned(),
                sk: format!("{}#{part:03}", stray.name()),
                broker_id: bounded(&stray.broker_id),
                queue: bounded(&stray.queue),
                queued_at: stray.queued_at.millis(),
                found_at: stray.found_at.millis(),
                reason: bounded(&stray.reason),
                given_up: stray.given_up.as_deref().map(bounded),
                part,
                parts: chunks.len(),
                data: (*data).to_owned(),
                expires_at: ttl(stray.found_at.plus(self.retention)),
            };
            self.put_stray(item).await?;
        }
        Ok(())
    }
}

impl MessagesTable {
    async fn put_stray(&self, item: StrayItem) -> Result<(), StoreError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(serde_dynamo::to_item(item).map_err(incomplete)?))
            .condition_expression("attribute_not_exists(pk)");
        match put.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(store_error(&error)),
            },
        }
    }
}

/// At least one; none is longer than [`CHUNK`] or cuts a character.
fn chunks(data: &str) -> Vec<&str> {
    let mut chunks = Vec::new();
    let mut rest = data;
    while rest.len() > CHUNK {
        let (chunk, behind) = rest.split_at(rest.floor_char_boundary(CHUNK));
        chunks.push(chunk);
        rest = behind;
    }
    chunks.push(rest);
    chunks
}

fn bounded(text: &str) -> String {
    text.chars().take(TEXT).collect()
}

/// For tests alone: an operator asks DynamoDB.
#[cfg(feature = "fakes")]
mod reading {
    use super::*;
    use aws_sdk_dynamodb::types::AttributeValue;
    use expedite_domain::Timestamp;

    impl MessagesTable {
        /// All strays by their names, their parts put together.
        ///
        /// # Errors
        /// The table's, and an item that no [`Strays::keep`] wrote.
        pub async fn strays(&self) -> Result<Vec<Stray>, StoreError> {
            let query = self.client.query().table_name(&self.table).key_condition_expression("pk = :strays");
            let query = query.expression_attribute_values(":strays", AttributeValue::S(PARTITION.to_owned()));
            let items = query.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
            let mut strays: Vec<Stray> = Vec::new();
            for item in items.map_err(|error| store_error(&error))? {
                let item: StrayItem = serde_dynamo::from_item(item).map_err(incomplete)?;
                match strays.last_mut().filter(|_| item.part > 1) {
                    Some(stray) => stray.data.push_str(&item.data),
                    None => strays.push(item.into_stray()),
                }
            }
            Ok(strays)
        }
    }

    impl StrayItem {
        fn into_stray(self) -> Stray {
            Stray {
                broker_id: self.broker_id,
                queue: self.queue,
                queued_at: Timestamp::from_millis(self.queued_at),
                found_at: Timestamp::from_millis(self.found_at),
                reason: self.reason,
                given_up: self.given_up,
                data: self.data,
            }
        }
    }
}
