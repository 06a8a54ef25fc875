//! Wiring of `ingest`.

use expedite::{
    adapters::{
        amqp::{AmqpBroker, Trust},
        dynamodb::MessagesTable,
        emf::Emf,
        sdk_config,
        secret::BrokerSecret,
        system::{SystemClock, SystemEntropy},
    },
    config,
    metrics::Function,
    telemetry,
};
use ingest::Ingest;
use lambda_http::{Error, Request, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let sdk = sdk_config().await;
    let store = MessagesTable::new(&sdk, config::MESSAGES_TABLE.text()?, config::RETENTION_DAYS.parse()?);
    let secret = BrokerSecret::new(&sdk, config::BROKER_SECRET_ARN.text()?);
    let endpoints = config::BROKER_ENDPOINTS.list()?;
    let broker = AmqpBroker::new(&endpoints, secret, Trust::native()?, config::EXPRESS_LANE.parse()?)?;
    broker.warm_up().await;
    let ingest = Ingest {
        store,
        broker,
        clock: SystemClock,
        entropy: SystemEntropy,
        meter: Emf::new(Function::Ingest),
        aging: config::AGING_AFTER.aging(config::AGING_CAP)?,
        tenant_claim: config::TENANT_CLAIM.text()?,
        high_priority_scope: config::HIGH_PRIORITY_SCOPE.text()?,
    };
    let ingest = &ingest;
    lambda_http::run(service_fn(
        |request: Request| async move { Ok::<_, Error>(ingest.handle(&request).await) },
    ))
    .await
}
