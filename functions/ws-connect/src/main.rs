//! Wiring of `ws-connect`.

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use expedite::{
    adapters::{dynamodb::ConnectionsTable, emf::Emf, sdk_config, system::SystemClock},
    config,
    metrics::Function,
    telemetry,
};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use ws_connect::Connect;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let sdk = sdk_config().await;
    let connections = ConnectionsTable::new(&sdk, config::CONNECTIONS_TABLE.text()?);
    let connect = &Connect {
        connections,
        clock: SystemClock,
        meter: Emf::new(Function::WsConnect),
        allowed_origins: config::ALLOWED_ORIGINS.list()?,
    };
    lambda_runtime::run(service_fn(|event: LambdaEvent<ApiGatewayWebsocketProxyRequest>| async move {
        Ok::<_, Error>(connect.handle(&event.payload).await)
    }))
    .await
}
