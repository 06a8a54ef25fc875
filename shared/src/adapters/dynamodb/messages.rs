use super::{
    client, describe, incomplete,
    item::{
        MESSAGE, MessageItem, PAYLOAD, PayloadItem, created, key_in, message_from, open, pk, position_in,
    },
    store_error, ttl,
};
use crate::{
    payload::Payload,
    ports::{
        Created, DueIndex, DuePage, DuePosition, Key, KeyPage, MessageStore, Position, Replaced, Standing,
        StateIndex, StatePage, StoreError, TenantIndex,
    },
};
use aws_config::SdkConfig;
use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::{
        put_item::PutItemError,
        query::QueryOutput,
        transact_write_items::{TransactWriteItemsError, builders::TransactWriteItemsFluentBuilder},
    },
    types::{
        AttributeValue, CancellationReason, KeysAndAttributes, Put, ReturnValuesOnConditionCheckFailure,
        TransactWriteItem, Update,
    },
};
use expedite_domain::{Message, State, Tenant, Timestamp};
use std::{collections::HashMap, time::Duration};

pub(super) type Item = HashMap<String, AttributeValue>;

/// BatchGetItem takes 100 keys.
const READ_MANY: usize = 100;

/// How many due messages one page has.
const DUE_PAGE: i32 = 100;

/// How often unprocessed keys of a batch are asked for again before the table counts as not reachable.
const READ_ROUNDS: u32 = 5;

/// The table `messages`: each message and its payload as two items, and the indexes `by_tenant`,
/// `by_state` and `due`.
#[derive(Clone, Debug)]
pub struct MessagesTable {
    pub(super) client: Client,
    pub(super) table: String,
    pub(super) retention: Duration,
}

impl MessagesTable {
    /// The table of that name. Messages that have ended are kept for `retention_days`.
    pub fn new(sdk: &SdkConfig, table: String, retention_days: u32) -> Self {
        Self::with_client(client(sdk), table, retention_days)
    }

    /// The same over a client that exists.
    pub fn with_client(client: Client, table: String, retention_days: u32) -> Self {
        Self { client, table, retention: Duration::from_secs(u64::from(retention_days) * 24 * 60 * 60) }
    }

    fn item(&self, message: &Message) -> Result<Item, StoreError> {
        serde_dynamo::to_item(MessageItem::of(message, self.retention)).map_err(incomplete)
    }

    async fn get(&self, key: &Key, sk: &str) -> Result<Option<Item>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(pk(key)))
            .key("sk", AttributeValue::S(sk.to_owned()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| store_error(&error))?;
        Ok(answer.item)
    }

    /// A change that ends nothing: one conditional put.
    async fn put(&self, before: &Message, next: &Message) -> Result<Replaced, StoreError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(self.item(next)?))
            .condition_expression("version = :before")
            .expression_attribute_values(":before", version(before))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match put.send().await {
            Ok(_) => Ok(Replaced::Written),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    conflict(next, failed.item().cloned())
                }
                _ => Err(store_error(&error)),
            },
        }
    }

    /// A change that ends or revives the message: the payload gets or loses its time to live with it, or neither, so that
    /// none is left behind and none is lost early.
    async fn put_both(&self, before: &Message, next: &Message) -> Result<Replaced, StoreError> {
        let message = Put::builder()
            .table_name(&self.table)
            .set_item(Some(self.item(next)?))
            .condition_expression("version = :before")
            .expression_attribute_values(":before", version(before))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(incomplete)?;
        let payload = Update::builder()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(pk(&Key::of(next))))
            .key("sk", AttributeValue::S(PAYLOAD.to_owned()));
        let payload = match next.timeline.entries.last() {
            Some(last) if next.state.is_final() => {
                payload.update_expression("SET expires_at = :at").expression_attribute_values(
                    ":at",
                    AttributeValue::N(ttl(last.at.plus(self.retention)).to_string()),
                )
            }
            // Without the condition an update would make a new item, without any payload.
            _ => payload.update_expression("REMOVE expires_at").condition_expression("attribute_exists(pk)"),
        };
        let payload = payload.build().map_err(incomplete)?;
        let transaction = self
            .client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().put(message).build())
            .transact_items(TransactWriteItem::builder().update(payload).build());
        match transact(transaction).await? {
            None => Ok(Replaced::Written),
            Some(found) => conflict(next, found),
        }
    }
}

impl MessageStore for MessagesTable {
    async fn create(&self, message: &Message, payload: &Payload) -> Result<Created, StoreError> {
        let put = |item: Item| {
            Put::builder()
                .table_name(&self.table)
                .set_item(Some(item))
                .condition_expression("attribute_not_exists(pk)")
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                .build()
                .map_err(incomplete)
        };
        let payload = PayloadItem {
            pk: pk(&Key::of(message)),
            sk: PAYLOAD.to_owned(),
            payload: payload.get().to_owned(),
        };
        let payload = put(serde_dynamo::to_item(payload).map_err(incomplete)?)?;
        let message = put(self.item(message)?)?;
        let transaction = self
            .client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().put(message).build())
            .transact_items(TransactWriteItem::builder().put(payload).build());
        match transact(transaction).await? {
            None => Ok(Created::New),
            Some(Some(found)) => Ok(Created::Exists(Box::new(message_from(found)?))),
            Some(None) => Err(StoreError::Corrupt("a payload stands without its message".to_owned())),
        }
    }

    async fn read(&self, key: &Key) -> Result<Option<Message>, StoreError> {
        self.get(key, MESSAGE).await?.map(message_from).transpose()
    }

    async fn read_many(&self, keys: &[Key]) -> Result<Vec<Message>, StoreError> {
        let mut messages = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(READ_MANY) {
            for item in self.batch_get(chunk).await? {
                match message_from(item) {
                    Ok(message) => messages.push(message),
                    Err(error) => tracing::error!(%error, "a message was passed over"),
                }
            }
        }
        Ok(messages)
    }

    async fn read_payload(&self, key: &Key) -> Result<Option<Payload>, StoreError> {
        let Some(item) = self.get(key, PAYLOAD).await? else {
            return Ok(None);
        };
        let corrupt = |error: String| StoreError::Corrupt(format!("{}: payload {error}", pk(key)));
        let item: PayloadItem = serde_dynamo::from_item(item).map_err(|error| corrupt(error.to_string()))?;
        Payload::restore(item.payload).map(Some).map_err(|error| corrupt(error.to_string()))
    }

    async fn replace(&self, before: &Message, next: &Message) -> Result<Replaced, StoreError> {
        if before.state.is_final() || next.state.is_final() {
            self.put_both(before, next).await
        } else {
            self.put(before, next).await
        }
    }
}

impl MessagesTable {
    async fn batch_get(&self, keys: &[Key]) -> Result<Vec<Item>, StoreError> {
        let mut wanted = KeysAndAttributes::builder().consistent_read(true);
        // The same key twice is a ValidationException.
        let mut distinct: Vec<_> = keys.iter().collect();
        distinct.sort();
        distinct.dedup();
        for key in distinct {
            wanted = wanted.keys(HashMap::from([
                ("pk".to_owned(), AttributeValue::S(pk(key))),
                ("sk".to_owned(), AttributeValue::S(MESSAGE.to_owned())),
            ]));
        }
        let mut wanted = HashMap::from([(self.table.clone(), wanted.build().map_err(incomplete)?)]);
        let mut found = Vec::with_capacity(keys.len());
        for round in 0..READ_ROUNDS {
            let answer = self
                .client
                .batch_get_item()
                .set_request_items(Some(wanted))
                .send()
                .await
                .map_err(|error| store_error(&error))?;
            found.extend(answer.responses.into_iter().flat_map(HashMap::into_values).flatten());
            wanted = answer.unprocessed_keys.unwrap_or_default();
            if wanted.is_empty() {
                return Ok(found);
            }
            // The SDK retries a call that fails, but not the part of one that was throttled.
            tokio::time::sleep(Duration::from_millis(20 << round)).await;
        }
        Err(StoreError::Unavailable("reads are throttled".to_owned()))
    }
}

impl TenantIndex for MessagesTable {
    async fn page(
        &self,
        tenant: &Tenant,
        after: Option<Position>,
        limit: usize,
    ) -> Result<KeyPage, StoreError> {
        let start = after.map(|position| {
            HashMap::from([
                ("pk".to_owned(), AttributeValue::S(pk(&Key { tenant: tenant.clone(), id: position.id }))),
                ("sk".to_owned(), AttributeValue::S(MESSAGE.to_owned())),
                ("tenant".to_owned(), AttributeValue::S(tenant.as_str().to_owned())),
                ("created".to_owned(), AttributeValue::S(created(&position))),
            ])
        });
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("by_tenant")
            .key_condition_expression("tenant = :tenant")
            .expression_attribute_values(":tenant", AttributeValue::S(tenant.as_str().to_owned()))
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| store_error(&error))?;
        let positions =
            answer.items().iter().filter_map(|item| text(item, "created").and_then(position_in)).collect();
        Ok(KeyPage { positions, more: answer.last_evaluated_key.is_some() })
    }
}

impl StateIndex for MessagesTable {
    async fn in_state(
        &self,
        tenant: &Tenant,
        state: State,
        after: Option<Position>,
        limit: usize,
    ) -> Result<StatePage, StoreError> {
        let start = after.map(|position| {
            HashMap::from([
                ("pk".to_owned(), AttributeValue::S(pk(&Key { tenant: tenant.clone(), id: position.id }))),
                ("sk".to_owned(), AttributeValue::S(MESSAGE.to_owned())),
                ("open".to_owned(), AttributeValue::S(open(tenant, state))),
                ("created".to_owned(), AttributeValue::S(created(&position))),
            ])
        });
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("by_state")
            .key_condition_expression("#open = :open")
            // A reserved word of DynamoDB's expressions.
            .expression_attribute_names("#open", "open")
            .expression_attribute_values(":open", AttributeValue::S(open(tenant, state)))
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| store_error(&error))?;
        let standings = answer.items().iter().filter_map(standing).collect();
        Ok(StatePage { standings, more: answer.last_evaluated_key.is_some() })
    }
}

fn standing(item: &Item) -> Option<Standing> {
    Some(Standing {
        position: position_in(text(item, "created")?)?,
        priority: text(item, "priority")?.parse().ok()?,
        deliver_at: Timestamp::from_millis(item.get("deliver_at")?.as_n().ok()?.parse().ok()?),
    })
}

impl DueIndex for MessagesTable {
    async fn due(
        &self,
        shard: u8,
        now: Timestamp,
        after: Option<DuePosition>,
    ) -> Result<DuePage, StoreError> {
        let answer = due_page(self, shard, now, after, Some(DUE_PAGE)).await?;
        let mut page = DuePage::default();
        for item in answer.items() {
            let name = text(item, "pk").unwrap_or_default();
            match key_in(name) {
                Some(key) => page.keys.push(key),
                None => page.unreadable.push(name.to_owned()),
            }
        }
        page.next = due_position(&answer);
        Ok(page)
    }
}

/// A page of one shard of the index `due`, up to and with `until`.
pub(super) async fn due_page(
    of: &MessagesTable,
    shard: u8,
    until: Timestamp,
    after: Option<DuePosition>,
    limit: Option<i32>,
) -> Result<QueryOutput, StoreError> {
    let start = after.map(|position| {
        HashMap::from([
            ("pk".to_owned(), AttributeValue::S(position.pk)),
            ("sk".to_owned(), AttributeValue::S(MESSAGE.to_owned())),
            ("due_shard".to_owned(), AttributeValue::S(shard.to_string())),
            ("due_at".to_owned(), AttributeValue::N(position.due_at.to_string())),
        ])
    });
    of.client
        .query()
        .table_name(&of.table)
        .index_name("due")
        .key_condition_expression("due_shard = :shard AND due_at <= :until")
        .expression_attribute_values(":shard", AttributeValue::S(shard.to_string()))
        .expression_attribute_values(":until", AttributeValue::N(until.millis().to_string()))
        .set_limit(limit)
        .set_exclusive_start_key(start)
        .send()
        .await
        .map_err(|error| store_error(&error))
}

/// Where the next page starts.
pub(super) fn due_position(page: &QueryOutput) -> Option<DuePosition> {
    let last = page.last_evaluated_key()?;
    Some(DuePosition {
        pk: text(last, "pk")?.to_owned(),
        due_at: last.get("due_at")?.as_n().ok()?.parse().ok()?,
    })
}

fn version(of: &Message) -> AttributeValue {
    AttributeValue::N(of.version.to_string())
}

fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}

/// What a failed condition means: gone, ours after all, or somebody else's change.
fn conflict(next: &Message, found: Option<Item>) -> Result<Replaced, StoreError> {
    let Some(item) = found else {
        return Ok(Replaced::Missing);
    };
    let found = message_from(item)?;
    if found == *next { Ok(Replaced::Written) } else { Ok(Replaced::Conflict(Box::new(found))) }
}

/// Runs a transaction. `Some` where the condition on its first item failed, with that item as it stands.
async fn transact(transaction: TransactWriteItemsFluentBuilder) -> Result<Option<Option<Item>>, StoreError> {
    let Err(error) = transaction.send().await else {
        return Ok(None);
    };
    let Some(reasons) = cancellation(&error) else {
        return Err(store_error(&error));
    };
    let failed = |reason: &CancellationReason| reason.code() == Some("ConditionalCheckFailed");
    match reasons.first() {
        Some(first) if failed(first) => Ok(Some(first.item().cloned())),
        _ if reasons.iter().any(failed) => Ok(Some(None)),
        // Another transaction was at the same items, or the table is throttled: both pass.
        _ => Err(StoreError::Unavailable(describe(&error))),
    }
}

fn cancellation<R>(error: &SdkError<TransactWriteItemsError, R>) -> Option<&[CancellationReason]> {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
            Some(canceled.cancellation_reasons())
        }
        _ => None,
    }
}
