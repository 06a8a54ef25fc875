//! Wiring of `control`.

use control::{Control, Scopes};
use expedite::{
    adapters::{
        dynamodb::{ConnectionsTable, MessagesTable},
        emf::Emf,
        sdk_config,
        system::{SystemClock, SystemEntropy},
    },
    config,
    metrics::Function,
    telemetry,
};
use lambda_http::{Error, Request, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let sdk = sdk_config().await;
    let control = &Control {
        messages: MessagesTable::new(&sdk, config::MESSAGES_TABLE.text()?, config::RETENTION_DAYS.parse()?),
        tickets: ConnectionsTable::new(&sdk, config::CONNECTIONS_TABLE.text()?),
        clock: SystemClock,
        entropy: SystemEntropy,
        meter: Emf::new(Function::Control),
        tenant_claim: config::TENANT_CLAIM.text()?,
        scopes: Scopes {
            high_priority: config::HIGH_PRIORITY_SCOPE.text()?,
            admin: config::ADMIN_SCOPE.text()?,
        },
    };
    lambda_http::run(service_fn(
        |request: Request| async move { Ok::<_, Error>(control.handle(&request).await) },
    ))
    .await
}
