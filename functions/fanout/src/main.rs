//! Wiring of `fanout`.

use aws_lambda_events::dynamodb::Event;
use expedite::{
    adapters::{dynamodb::ConnectionsTable, emf::Emf, push::ApiGatewayPush, sdk_config, system::SystemClock},
    config,
    metrics::Function,
    telemetry,
};
use fanout::Fanout;
use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let sdk = sdk_config().await;
    let connections = ConnectionsTable::new(&sdk, config::CONNECTIONS_TABLE.text()?);
    let push = ApiGatewayPush::new(&sdk, &config::WEBSOCKET_MANAGEMENT_URL.text()?);
    let fanout = &Fanout { connections, push, clock: SystemClock, meter: Emf::new(Function::Fanout) };
    lambda_runtime::run(service_fn(|event: LambdaEvent<Event>| async move {
        fanout.run(event.payload).await.map_err(Error::from)
    }))
    .await
}
