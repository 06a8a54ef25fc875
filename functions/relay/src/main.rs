//! Wiring of `relay`.

use expedite::{
    adapters::{
        amqp::{AmqpBroker, Trust},
        dynamodb::MessagesTable,
        emf::Emf,
        sdk_config,
        secret::BrokerSecret,
        system::{SystemClock, SystemEntropy, time_limit},
    },
    config,
    metrics::Function,
    telemetry,
};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use relay::Relay;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let sdk = sdk_config().await;
    let store = MessagesTable::new(&sdk, config::MESSAGES_TABLE.text()?, config::RETENTION_DAYS.parse()?);
    let secret = BrokerSecret::new(&sdk, config::BROKER_SECRET_ARN.text()?);
    let endpoints = config::BROKER_ENDPOINTS.list()?;
    let broker = AmqpBroker::new(&endpoints, secret, Trust::native()?, config::EXPRESS_LANE.parse()?)?;
    let aging = config::AGING_AFTER.aging(config::AGING_CAP)?;
    let meter = Emf::new(Function::Relay);
    let relay = &Relay { store, broker, clock: SystemClock, entropy: SystemEntropy, meter, aging };
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async move {
        relay.run(event.payload, time_limit(&event.context)).await.map_err(Error::from)
    }))
    .await
}
