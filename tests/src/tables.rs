//! The tables, created as `template.yaml` defines them: what is missing there is missing here.

use crate::{Result, template};
use aws_sdk_dynamodb::{
    Client,
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, Projection,
        StreamSpecification, TimeToLiveSpecification,
    },
};
use serde::Deserialize;
use serde_json::Value;

/// The names of the tables.
#[derive(Clone, Debug)]
pub struct Tables {
    /// The table of messages.
    pub messages: String,
    /// The table of connections.
    pub connections: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Definition {
    billing_mode: String,
    attribute_definitions: Vec<Attribute>,
    key_schema: Vec<KeyElement>,
    #[serde(default)]
    global_secondary_indexes: Vec<Index>,
    stream_specification: Option<Stream>,
    time_to_live_specification: TimeToLive,
    /// Nothing that a test could see.
    #[serde(rename = "PointInTimeRecoverySpecification")]
    _point_in_time_recovery: Option<Value>,
    /// As above.
    #[serde(rename = "SSESpecification")]
    _key: Option<Value>,
    /// As above: no test deletes a table.
    #[serde(rename = "DeletionProtectionEnabled")]
    _deletion_protection: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Attribute {
    attribute_name: String,
    attribute_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct KeyElement {
    attribute_name: String,
    key_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Index {
    index_name: String,
    key_schema: Vec<KeyElement>,
    projection: ProjectionType,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ProjectionType {
    projection_type: String,
    #[serde(default)]
    non_key_attributes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Stream {
    stream_view_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TimeToLive {
    attribute_name: String,
    enabled: bool,
}

/// Creates both tables, with `suffix` behind their names.
///
/// # Errors
/// The template can't be read, says something that this does not know, or a table can't be created.
pub async fn create(client: &Client, suffix: &str) -> Result<Tables> {
    let template = template::load()?;
    let tables =
        Tables { messages: format!("messages{suffix}"), connections: format!("connections{suffix}") };
    create_one(client, &tables.messages, &template["Resources"]["MessagesTable"]).await?;
    create_one(client, &tables.connections, &template["Resources"]["ConnectionsTable"]).await?;
    Ok(tables)
}

async fn create_one(client: &Client, name: &str, resource: &Value) -> Result<()> {
    let definition = Definition::deserialize(&resource["Properties"])?;
    let attributes = definition.attribute_definitions.iter().map(attribute).collect::<Result<_>>()?;
    let indexes = definition.global_secondary_indexes.iter().map(index).collect::<Result<Vec<_>>>()?;
    let stream = definition.stream_specification.map(|stream| {
        StreamSpecification::builder()
            .stream_enabled(true)
            .stream_view_type(stream.stream_view_type.as_str().into())
            .build()
    });
    client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::from(definition.billing_mode.as_str()))
        .set_attribute_definitions(Some(attributes))
        .set_key_schema(Some(keys(&definition.key_schema)?))
        .set_global_secondary_indexes(Some(indexes).filter(|indexes| !indexes.is_empty()))
        .set_stream_specification(stream.transpose()?)
        .send()
        .await?;
    let expiry = TimeToLiveSpecification::builder()
        .attribute_name(definition.time_to_live_specification.attribute_name)
        .enabled(definition.time_to_live_specification.enabled)
        .build()?;
    client.update_time_to_live().table_name(name).time_to_live_specification(expiry).send().await?;
    Ok(())
}

fn attribute(given: &Attribute) -> Result<AttributeDefinition> {
    Ok(AttributeDefinition::builder()
        .attribute_name(&given.attribute_name)
        .attribute_type(given.attribute_type.as_str().into())
        .build()?)
}

fn keys(given: &[KeyElement]) -> Result<Vec<KeySchemaElement>> {
    let element = |key: &KeyElement| {
        Ok(KeySchemaElement::builder()
            .attribute_name(&key.attribute_name)
            .key_type(key.key_type.as_str().into())
            .build()?)
    };
    given.iter().map(element).collect()
}

fn index(given: &Index) -> Result<GlobalSecondaryIndex> {
    let projection = Projection::builder()
        .projection_type(given.projection.projection_type.as_str().into())
        .set_non_key_attributes(
            Some(given.projection.non_key_attributes.clone()).filter(|names| !names.is_empty()),
        )
        .build();
    Ok(GlobalSecondaryIndex::builder()
        .index_name(&given.index_name)
        .set_key_schema(Some(keys(&given.key_schema)?))
        .projection(projection)
        .build()?)
}
