//! The store adapters on the emulator, which the functions of the other tests stand on: it and the embedded DynamoDB of
//! `tests/it` are of different origin, and must agree.

use crate::{aws::sdk, support::beside_others};
use expedite::{
    adapters::dynamodb::{ConnectionsTable, MessagesTable},
    conformance,
};
use expedite_tests::tables;

#[tokio::test]
async fn the_adapters_conform() {
    let (system, _guard) = beside_others().await;
    let client = aws_sdk_dynamodb::Client::new(&sdk(system).await);
    // Tables of their own: the deployed ones have a relay that hands over what the suite leaves due.
    let tables = tables::create(&client, "-conformance").await.unwrap();
    let messages = MessagesTable::with_client(client.clone(), tables.messages, 1);
    conformance::messages(&messages, "emulator").await;
    conformance::strays(&messages, async || messages.strays().await.unwrap()).await;
    conformance::connections(&ConnectionsTable::with_client(client, tables.connections), "emulator").await;
}
