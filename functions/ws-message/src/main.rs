//! Wiring of `ws-message`.

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use expedite::{
    adapters::{dynamodb::ConnectionsTable, sdk_config, system::SystemClock},
    config, telemetry,
};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use ws_message::Messages;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let sdk = sdk_config().await;
    let connections = ConnectionsTable::new(&sdk, config::CONNECTIONS_TABLE.text()?);
    let messages = &Messages { connections, clock: SystemClock };
    lambda_runtime::run(service_fn(|event: LambdaEvent<ApiGatewayWebsocketProxyRequest>| async move {
        Ok::<_, Error>(messages.handle(&event.payload).await)
    }))
    .await
}
