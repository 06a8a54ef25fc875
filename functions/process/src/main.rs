//! Wiring of `process`.

use expedite::{
    adapters::{
        dynamodb::MessagesTable,
        emf::Emf,
        lambda_handler::LambdaHandler,
        sdk_config,
        system::{SystemClock, SystemEntropy, time_limit},
    },
    config,
    handler::Handler,
    metrics::Function,
    telemetry,
};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use process::{DemoHandler, Limits, Process, Starts};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let sdk = sdk_config().await;
    let store = MessagesTable::new(&sdk, config::MESSAGES_TABLE.text()?, config::RETENTION_DAYS.parse()?);
    // A handler of your own goes here.
    match config::HANDLER_FUNCTION_ARN.text()? {
        none if none.is_empty() => run(store, DemoHandler { clock: SystemClock }).await,
        function => run(store, LambdaHandler::new(&sdk, function)).await,
    }
}

async fn run(store: MessagesTable, handler: impl Handler) -> Result<(), Error> {
    let limits = Limits::new(config::HANDLER_CONCURRENCY.parse()?, config::HANDLER_TIMEOUT_SECONDS.parse()?);
    let process = &Process {
        store,
        handler,
        clock: SystemClock,
        entropy: SystemEntropy,
        meter: Emf::new(Function::Process),
        limits,
        starts: Starts::default(),
    };
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async move {
        process.run(event.payload, time_limit(&event.context)).await.map_err(Error::from)
    }))
    .await
}
