//! The broker adapter, as the functions set it up.

use crate::aws::{environment, sdk};
use expedite::adapters::{
    amqp::{AmqpBroker, ExpressLane, Trust},
    secret::BrokerSecret,
};
use expedite_tests::launcher::System;
use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject};

/// A sender that signs in with the secret of that name, made for it, or with the deployed one.
pub async fn sender(system: &System, secret: Option<(&str, &str)>) -> AmqpBroker {
    let endpoint = environment(system, "ingest").await["BROKER_ENDPOINTS"].clone();
    sender_to(system, endpoint, secret).await
}

/// The same, which takes another way to the broker.
pub async fn sender_to(system: &System, endpoint: String, secret: Option<(&str, &str)>) -> AmqpBroker {
    let sdk = sdk(system).await;
    let deployed = environment(system, "ingest").await;
    let arn = match secret {
        None => deployed["BROKER_SECRET_ARN"].clone(),
        Some((name, text)) => {
            let secrets = aws_sdk_secretsmanager::Client::new(&sdk);
            secrets.create_secret().name(name).secret_string(text).send().await.unwrap().arn.unwrap()
        }
    };
    let authorities = CertificateDer::pem_file_iter(&system.endpoints.ssl_cert_file).unwrap();
    let trust = Trust::of(authorities.collect::<Result<_, _>>().unwrap()).unwrap();
    assert!(endpoint.starts_with("amqp+ssl://"), "as on Amazon MQ: {endpoint}");
    AmqpBroker::new(&[endpoint], BrokerSecret::new(&sdk, arn), trust, ExpressLane::On).unwrap()
}
