use super::{client, incomplete, store_error, ttl};
use crate::ports::{
    Connection, ConnectionId, Connections, StoreError, SubscriberPage, Subscribers, TicketHash, Tickets,
};
use aws_config::SdkConfig;
use aws_sdk_dynamodb::{
    Client,
    operation::{
        delete_item::DeleteItemError, transact_write_items::TransactWriteItemsError,
        update_item::UpdateItemError,
    },
    types::{AttributeValue, Put, ReturnValue, TransactWriteItem, Update},
};
use expedite_domain::{Tenant, Timestamp, Topic};
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};

/// How many subscribers one page has.
const SUBSCRIBER_PAGE: i32 = 500;

/// The table `connections`. Three kinds of rows:
///
/// | `pk` | `sk` | what |
/// |---|---|---|
/// | `connection#<id>` | `connection` | an open WebSocket: tenant, topics |
/// | `topic#<tenant>#<topic>` | `<id>` | one subscription, so that a push reads exactly its subscribers |
/// | `ticket#<SHA-256>` | `ticket` | a ticket that was issued and not used |
#[derive(Clone, Debug)]
pub struct ConnectionsTable {
    client: Client,
    table: String,
}

#[derive(Serialize, Deserialize)]
struct ConnectionRow {
    pk: String,
    sk: String,
    tenant: String,
    /// A string set; DynamoDB has no empty one.
    #[serde(default, with = "serde_dynamo::string_set", skip_serializing_if = "Vec::is_empty")]
    topics: Vec<String>,
    expires_at: i64,
}

#[derive(Serialize)]
struct SubscriptionRow {
    pk: String,
    sk: String,
    expires_at: i64,
}

#[derive(Serialize, Deserialize)]
struct TicketRow {
    pk: String,
    sk: String,
    tenant: String,
    /// Milliseconds: DynamoDB removes expired rows only within days, so the condition looks at this.
    valid_until: i64,
    expires_at: i64,
}

impl ConnectionsTable {
    /// The table of that name.
    pub fn new(sdk: &SdkConfig, table: String) -> Self {
        Self::with_client(client(sdk), table)
    }

    /// The same over a client that exists.
    pub fn with_client(client: Client, table: String) -> Self {
        Self { client, table }
    }

    async fn delete(&self, pk: String, sk: &str) -> Result<(), StoreError> {
        self.client
            .delete_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(pk))
            .key("sk", AttributeValue::S(sk.to_owned()))
            .send()
            .await
            .map(drop)
            .map_err(|error| store_error(&error))
    }

    async fn delete_subscriptions(
        &self,
        connection: &Connection,
        topics: &[Topic],
    ) -> Result<(), StoreError> {
        let rows = topics.iter().map(|topic| topic_pk(&connection.tenant, topic));
        try_join_all(rows.map(|pk| self.delete(pk, &connection.id.0))).await.map(drop)
    }
}

impl Tickets for ConnectionsTable {
    async fn issue(
        &self,
        hash: &TicketHash,
        tenant: &Tenant,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let row = TicketRow {
            pk: ticket_pk(hash),
            sk: "ticket".to_owned(),
            tenant: tenant.as_str().to_owned(),
            valid_until: expires_at.millis(),
            expires_at: ttl(expires_at),
        };
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(serde_dynamo::to_item(row).map_err(incomplete)?))
            .send()
            .await
            .map(drop)
            .map_err(|error| store_error(&error))
    }

    async fn redeem(&self, hash: &TicketHash, now: Timestamp) -> Result<Option<Tenant>, StoreError> {
        // One conditional delete: of two who bring the same ticket, one finds nothing.
        let deleted = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(ticket_pk(hash)))
            .key("sk", AttributeValue::S("ticket".to_owned()))
            .condition_expression("valid_until > :now")
            .expression_attribute_values(":now", AttributeValue::N(now.millis().to_string()))
            .return_values(ReturnValue::AllOld)
            .send()
            .await;
        let row = match deleted {
            Ok(deleted) => deleted.attributes,
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => None,
                _ => return Err(store_error(&error)),
            },
        };
        let Some(row) = row else {
            return Ok(None);
        };
        let row: TicketRow = serde_dynamo::from_item(row).map_err(corrupt)?;
        row.tenant.parse().map(Some).map_err(corrupt)
    }
}

impl Connections for ConnectionsTable {
    async fn open(&self, connection: &Connection) -> Result<(), StoreError> {
        let row = ConnectionRow {
            pk: connection_pk(&connection.id),
            sk: "connection".to_owned(),
            tenant: connection.tenant.as_str().to_owned(),
            topics: connection.topics.iter().map(ToString::to_string).collect(),
            expires_at: ttl(connection.expires_at),
        };
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(serde_dynamo::to_item(row).map_err(incomplete)?))
            .send()
            .await
            .map(drop)
            .map_err(|error| store_error(&error))
    }

    async fn find(&self, id: &ConnectionId) -> Result<Option<Connection>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(connection_pk(id)))
            .key("sk", AttributeValue::S("connection".to_owned()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| store_error(&error))?;
        let Some(item) = answer.item else {
            return Ok(None);
        };
        let row: ConnectionRow = serde_dynamo::from_item(item).map_err(corrupt)?;
        Ok(Some(Connection {
            id: id.clone(),
            tenant: row.tenant.parse().map_err(corrupt)?,
            topics: row
                .topics
                .iter()
                .map(|topic| topic.parse())
                .collect::<Result<_, _>>()
                .map_err(corrupt)?,
            expires_at: Timestamp::from_millis(row.expires_at.saturating_mul(1000)),
        }))
    }

    /// One transaction, so that every subscription is known to its connection and goes with it.
    async fn subscribe(&self, connection: &Connection, topics: &[Topic]) -> Result<bool, StoreError> {
        let known = Update::builder()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(connection_pk(&connection.id)))
            .key("sk", AttributeValue::S("connection".to_owned()))
            .condition_expression("attribute_exists(pk)")
            .update_expression("ADD topics :topics")
            .expression_attribute_values(":topics", topic_set(topics))
            .build()
            .map_err(incomplete)?;
        let mut transaction = self
            .client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().update(known).build());
        for topic in topics {
            let row = SubscriptionRow {
                pk: topic_pk(&connection.tenant, topic),
                sk: connection.id.0.clone(),
                expires_at: ttl(connection.expires_at),
            };
            let put = Put::builder()
                .table_name(&self.table)
                .set_item(Some(serde_dynamo::to_item(row).map_err(incomplete)?))
                .build()
                .map_err(incomplete)?;
            transaction = transaction.transact_items(TransactWriteItem::builder().put(put).build());
        }
        match transaction.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(canceled))
                    if canceled
                        .cancellation_reasons()
                        .iter()
                        .any(|reason| reason.code() == Some("ConditionalCheckFailed")) =>
                {
                    Ok(false)
                }
                _ => Err(store_error(&error)),
            },
        }
    }

    /// The rows first: if this stops half-way, the connection still knows what may be left.
    async fn unsubscribe(&self, connection: &Connection, topics: &[Topic]) -> Result<(), StoreError> {
        self.delete_subscriptions(connection, topics).await?;
        let updated = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(connection_pk(&connection.id)))
            .key("sk", AttributeValue::S("connection".to_owned()))
            .condition_expression("attribute_exists(pk)")
            .update_expression("DELETE topics :topics")
            .expression_attribute_values(":topics", topic_set(topics))
            .send()
            .await;
        match updated {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(store_error(&error)),
            },
        }
    }

    async fn close(&self, id: &ConnectionId) -> Result<(), StoreError> {
        let Some(connection) = self.find(id).await? else {
            return Ok(());
        };
        self.delete_subscriptions(&connection, &connection.topics).await?;
        self.delete(connection_pk(id), "connection").await
    }
}

impl Subscribers for ConnectionsTable {
    /// Reads consistently: whoever was told `subscribed` gets every later change.
    async fn page(
        &self,
        tenant: &Tenant,
        topic: &Topic,
        after: Option<ConnectionId>,
    ) -> Result<SubscriberPage, StoreError> {
        let pk = topic_pk(tenant, topic);
        let start = after.map(|id| {
            [("pk".to_owned(), AttributeValue::S(pk.clone())), ("sk".to_owned(), AttributeValue::S(id.0))]
                .into()
        });
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :topic")
            .expression_attribute_values(":topic", AttributeValue::S(pk.clone()))
            .projection_expression("sk")
            .consistent_read(true)
            .limit(SUBSCRIBER_PAGE)
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| store_error(&error))?;
        let id = |item: &std::collections::HashMap<String, AttributeValue>| {
            item.get("sk").and_then(|sk| sk.as_s().ok()).cloned().map(ConnectionId)
        };
        Ok(SubscriberPage {
            connections: answer.items().iter().filter_map(id).collect(),
            next: answer.last_evaluated_key().and_then(id),
        })
    }
}

fn connection_pk(id: &ConnectionId) -> String {
    format!("connection#{}", id.0)
}

/// A tenant has no `#`, so no topic of one reads as a topic of another.
fn topic_pk(tenant: &Tenant, topic: &Topic) -> String {
    format!("topic#{}#{topic}", tenant.as_str())
}

fn ticket_pk(hash: &TicketHash) -> String {
    format!("ticket#{}", hex::encode(hash))
}

fn topic_set(topics: &[Topic]) -> AttributeValue {
    AttributeValue::Ss(topics.iter().map(ToString::to_string).collect())
}

fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(error.to_string())
}
