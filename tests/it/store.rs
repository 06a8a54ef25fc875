//! The store adapters and their doubles pass one suite.

use aws_sdk_dynamodb::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region},
};
use expedite::{
    adapters::dynamodb::{ConnectionsTable, MessagesTable},
    conformance,
    fakes::{FakeConnections, FakeStore},
};
use serde_json::Value;
use std::path::Path;

/// An embedded DynamoDB with the tables of the template.
struct Embedded {
    client: Client,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
}

impl Embedded {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let database = dynoxide::Database::memory().unwrap();
        tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database, async {
            let _ = stopped.await;
        }));
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .endpoint_url(url)
            .credentials_provider(Credentials::new("local", "local", None, None, "test"))
            .build();
        Self { client: Client::from_conf(config), stop: Some(stop) }
    }
}

#[tokio::test]
async fn the_fakes_conform() {
    conformance::messages(&&FakeStore::default(), "fake").await;
    conformance::connections(&&FakeConnections::default(), "fake").await;
}
