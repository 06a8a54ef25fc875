//! Wiring of `dead-letter`.

use dead_letter::DeadLetter;
use expedite::{
    adapters::{
        dynamodb::MessagesTable,
        emf::Emf,
        sdk_config,
        system::{SystemClock, SystemEntropy, time_limit},
    },
    config,
    metrics::Function,
    telemetry,
};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let sdk = sdk_config().await;
    let store = MessagesTable::new(&sdk, config::MESSAGES_TABLE.text()?, config::RETENTION_DAYS.parse()?);
    let meter = Emf::new(Function::DeadLetter);
    let dead_letter = &DeadLetter { store, clock: SystemClock, entropy: SystemEntropy, meter };
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async move {
        dead_letter.run(event.payload, time_limit(&event.context)).await.map_err(Error::from)
    }))
    .await
}
