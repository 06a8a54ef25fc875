//! A sender that is not ours: puts anything on the work queue.

use crate::aws::{environment, sdk};
use expedite::adapters::amqp::Lane;
use expedite_tests::launcher::System;
use fe2o3_amqp::{
    Connection, Sender, Session, connection::ConnectionHandle, sasl_profile::SaslProfile,
    session::SessionHandle, types::messaging::Message, types::primitives::Binary,
};
use serde_json::Value;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

/// Sends each of these bodies as bytes, which the broker confirms.
pub async fn send(system: &System, bodies: &[&[u8]]) {
    let (mut connection, mut session) = connect(system).await;
    let mut sender = Sender::attach(&mut session, "raw", Lane::Standard.queue()).await.unwrap();
    for body in bodies {
        let outcome =
            sender.send(Message::builder().data(Binary::from(body.to_vec())).build()).await.unwrap();
        outcome.accepted_or_else(|outcome| format!("{outcome:?}")).unwrap();
    }
    sender.close().await.unwrap();
    session.end().await.unwrap();
    connection.close().await.unwrap();
}

/// A connection of the senders' user, and a session on it.
pub async fn connect(system: &System) -> (ConnectionHandle<()>, SessionHandle<()>) {
    let deployed = environment(system, "ingest").await;
    let secrets = aws_sdk_secretsmanager::Client::new(&sdk(system).await);
    let secret = secrets.get_secret_value().secret_id(&deployed["BROKER_SECRET_ARN"]).send().await.unwrap();
    let secret: Value = serde_json::from_str(secret.secret_string().unwrap()).unwrap();
    let text = |name: &str| secret[name].as_str().unwrap().to_owned();
    let address = deployed["BROKER_ENDPOINTS"].trim_start_matches("amqp+ssl://");

    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_file_iter(&system.endpoints.ssl_cert_file).unwrap() {
        roots.add(authority.unwrap()).unwrap();
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let socket = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap();
    let mut connection = Connection::builder()
        .container_id("not-expedite")
        .hostname("127.0.0.1")
        .scheme("amqp")
        .sasl_profile(SaslProfile::Plain { username: text("username"), password: text("password") })
        .open_with_stream(stream)
        .await
        .unwrap();
    let session = Session::begin(&mut connection).await.unwrap();
    (connection, session)
}
