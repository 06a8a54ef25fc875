//! Wiring of `ws-disconnect`.

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use expedite::{
    adapters::{dynamodb::ConnectionsTable, sdk_config},
    config, telemetry,
};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use ws_disconnect::disconnect;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let sdk = sdk_config().await;
    let connections = &ConnectionsTable::new(&sdk, config::CONNECTIONS_TABLE.text()?);
    lambda_runtime::run(service_fn(|event: LambdaEvent<ApiGatewayWebsocketProxyRequest>| async move {
        Ok::<_, Error>(disconnect(connections, &event.payload).await)
    }))
    .await
}
