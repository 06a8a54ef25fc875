//! Wiring of `monitor`.

use expedite::{
    adapters::{
        dynamodb::MessagesTable,
        emf::Emf,
        mappings::LambdaMappings,
        mq::MqBroker,
        sdk_config,
        system::{SystemClock, time_limit},
    },
    config,
    metrics::Function,
    telemetry,
};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use monitor::{Monitor, Watched};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let sdk = sdk_config().await;
    let watched = config::MAPPINGS.pairs()?.into_iter().map(Watched::new).collect::<Result<_, _>>()?;
    let monitor = &Monitor {
        broker: MqBroker::new(&sdk, config::BROKER_ID.text()?),
        mappings: LambdaMappings::new(&sdk),
        backlog: MessagesTable::new(&sdk, config::MESSAGES_TABLE.text()?, config::RETENTION_DAYS.parse()?),
        clock: SystemClock,
        meter: Emf::new(Function::Monitor),
        watched,
    };
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async move {
        Ok::<_, Error>(monitor.run(time_limit(&event.context)).await)
    }))
    .await
}
