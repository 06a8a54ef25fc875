use super::lane::Lane;
use crate::{
    adapters::{secret::Credentials, system::SystemEntropy},
    ports::{Entropy, SEND_LIMIT, SendError},
};
use fe2o3_amqp::{
    Connection, Sender, Session,
    connection::{ConnectionHandle, OpenError},
    link::SenderAttachError,
    sasl_profile::SaslProfile,
    session::SessionHandle,
};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName},
    },
};
use url::Url;

/// How long one try may take, connecting included.
pub(super) const TRY_TIMEOUT: Duration = Duration::from_secs(SEND_LIMIT.as_secs() / 2);

/// What the broker may wait for a sign of life, in milliseconds; the broker's own limit is the same 30 s.
const IDLE_TIMEOUT_MS: u32 = 30_000;

/// Which certificates a broker may show.
#[derive(Clone)]
pub struct Trust(TlsConnector);

/// No TLS client can be made of the certificates: there is none that can be used.
#[derive(Debug, thiserror::Error)]
#[error("TLS can't be set up: {0}")]
pub struct NoTrust(String);

impl Trust {
    /// Those of the machine, or of the file that `SSL_CERT_FILE` names.
    ///
    /// # Errors
    /// [`NoTrust`] where there is none.
    pub fn native() -> Result<Self, NoTrust> {
        Self::of(rustls_native_certs::load_native_certs().certs)
    }

    /// Those that these authorities have signed.
    ///
    /// # Errors
    /// [`NoTrust`] where there is none that can be read.
    pub fn of(authorities: Vec<CertificateDer<'static>>) -> Result<Self, NoTrust> {
        let mut roots = RootCertStore::empty();
        if roots.add_parsable_certificates(authorities).0 == 0 {
            return Err(NoTrust("no authority's certificate can be read".to_owned()));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| NoTrust(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }
}

/// Why a send failed.
pub(super) enum Fault {
    /// The connection is to blame: another one may do better.
    Connection(SendError),
    /// The broker answered, and does not want this message. Others on the connection go on.
    Message(SendError),
}

impl Fault {
    pub(super) fn into_error(self) -> SendError {
        match self {
            Self::Connection(error) | Self::Message(error) => error,
        }
    }
}

/// A connection with one session, and a sender for each lane that was asked for. Dropping it ends everything on it.
pub(super) struct Link {
    pub(super) last_used: SystemTime,
    standard: Option<Sender>,
    express: Option<Sender>,
    session: SessionHandle<()>,
    connection: ConnectionHandle<()>,
}

impl Link {
    pub(super) async fn open(endpoint: &Url, trust: &Trust, user: &Credentials) -> Result<Self, SendError> {
        let host = endpoint.host_str().unwrap_or_default();
        let tls = endpoint.scheme() == "amqp+ssl";
        let port = endpoint.port().unwrap_or(if tls { 5671 } else { 5672 });
        let socket = TcpStream::connect((host, port)).await.map_err(unavailable)?;
        // A confirmed send is one small frame each way: Nagle would hold it back for 40 ms.
        socket.set_nodelay(true).map_err(unavailable)?;
        let mut connection = if tls {
            open_connection(wrap(trust, socket, host).await?, host, user).await?
        } else {
            open_connection(socket, host, user).await?
        };
        let session = Session::begin(&mut connection).await.map_err(unavailable)?;
        Ok(Self { last_used: SystemTime::now(), standard: None, express: None, session, connection })
    }

    /// The sender of a lane. One that is refused, since the queue is missing or forbidden, leaves the other one alone.
    pub(super) async fn sender(&mut self, lane: Lane) -> Result<&mut Sender, Fault> {
        let sender = match lane {
            Lane::Standard => &mut self.standard,
            Lane::Express => &mut self.express,
        };
        if sender.is_none() {
            let queue = lane.queue();
            let attached = Sender::attach(&mut self.session, format!("expedite-{queue}"), queue).await;
            *sender = Some(attached.map_err(|error| not_attached(queue, error))?);
        }
        sender.as_mut().ok_or_else(|| Fault::Connection(unavailable("not attached")))
    }

    /// Whether the broker can be expected to know this link still. By the wall clock: a frozen sandbox may stop the
    /// monotonic one.
    pub(super) fn is_fresh(&self, limit: Duration) -> bool {
        let idle = SystemTime::now().duration_since(self.last_used).unwrap_or(Duration::MAX);
        idle < limit && !self.connection.is_closed() && !self.session.is_ended()
    }
}

async fn open_connection<S>(
    stream: S,
    host: &str,
    user: &Credentials,
) -> Result<ConnectionHandle<()>, SendError>
where
    S: AsyncRead + AsyncWrite + std::fmt::Debug + Send + Unpin + 'static,
{
    Connection::builder()
        // The broker takes it for a JMS client id, and of two connections with the same one it refuses the second.
        .container_id(format!("expedite-{:032x}", SystemEntropy.bits()))
        .hostname(host)
        // The stream is encrypted already; the scheme keeps the crate from doing it again.
        .scheme("amqp")
        .idle_time_out(IDLE_TIMEOUT_MS)
        .sasl_profile(SaslProfile::Plain { username: user.username.clone(), password: user.password.clone() })
        .open_with_stream(stream)
        .await
        .map_err(|error| match error {
            OpenError::SaslError { code, .. } => {
                SendError::Refused(format!("user {}: {code:?}", user.username))
            }
            error => unavailable(error),
        })
}

/// Amazon MQ speaks TLS first on its AMQP port.
async fn wrap(
    trust: &Trust,
    socket: TcpStream,
    host: &str,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, SendError> {
    let name = ServerName::try_from(host.to_owned()).map_err(unavailable)?;
    trust.0.connect(name, socket).await.map_err(unavailable)
}

fn not_attached(queue: &str, error: SenderAttachError) -> Fault {
    use SenderAttachError::{IllegalState, SessionNotMapped, SessionStopped};
    match error {
        SessionStopped(_) | SessionNotMapped | IllegalState => Fault::Connection(unavailable(error)),
        refused => Fault::Message(SendError::Refused(format!("the queue {queue}: {refused}"))),
    }
}

pub(super) fn unavailable(error: impl std::fmt::Display) -> SendError {
    SendError::Unavailable(error.to_string())
}
