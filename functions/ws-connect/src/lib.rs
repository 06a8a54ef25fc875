//! Opens a WebSocket for whoever brings a good ticket.
//!
//! The ticket comes as `ticket.<value>` among the subprotocols, beside `expedite.v1`, which a browser can send and no
//! log of URLs keeps, or as the query parameter `ticket`.

use aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequest};
use expedite::{
    domain::Tenant,
    metrics::{Meter, Metric},
    ports::{Clock, Connection, ConnectionId, Connections, Tickets},
    ticket,
};
use std::time::Duration;

/// The subprotocol that this API speaks.
pub const SUBPROTOCOL: &str = "expedite.v1";

/// API Gateway ends a connection after two hours; the row outlives it by a little.
const CONNECTION_LIFETIME: Duration = Duration::from_secs(2 * 60 * 60 + 10 * 60);

/// The use case and the ports it stands on.
pub struct Connect<T, C, M> {
    /// Tickets and connections.
    pub connections: T,
    /// What time it is.
    pub clock: C,
    /// What takes the metrics.
    pub meter: M,
    /// Origins that a browser may come from.
    pub allowed_origins: Vec<String>,
}

/// Why a socket is not opened: a status code and a word for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Refusal(i64, &'static str);

impl<T: Tickets + Connections, C: Clock, M: Meter> Connect<T, C, M> {
    /// `$connect`. 200 opens the socket; 400, 401, 403 and 503 keep it closed.
    pub async fn handle(&self, request: &ApiGatewayWebsocketProxyRequest) -> ApiGatewayProxyResponse {
        let (metric, answer) = match self.connect(request).await {
            Ok(()) => (Metric::SocketsOpened, opened(request)),
            Err(Refusal(status, reason)) => {
                tracing::info!(status, reason, "a connection was refused");
                (Metric::SocketsRefused, response(status))
            }
        };
        self.meter.count(metric, 1);
        self.meter.flush();
        answer
    }

    async fn connect(&self, request: &ApiGatewayWebsocketProxyRequest) -> Result<(), Refusal> {
        let offered = subprotocols(request);
        if !offered.is_empty() && !offered.contains(&SUBPROTOCOL) {
            return Err(Refusal(400, "no known subprotocol"));
        }
        self.check_origin(request)?;
        let id = request.request_context.connection_id.clone().ok_or(Refusal(400, "no connection id"))?;
        let tenant = self.redeem(request, &offered).await?;
        let connection = Connection {
            id: ConnectionId(id),
            tenant,
            topics: Vec::new(),
            expires_at: self.clock.now().plus(CONNECTION_LIFETIME),
        };
        self.connections.open(&connection).await.map_err(|error| {
            tracing::error!(%error, "a connection could not be stored");
            Refusal(503, "the table can't be written")
        })
    }

    /// A client that sends an origin is a browser, and acts for whatever page is open in it.
    fn check_origin(&self, request: &ApiGatewayWebsocketProxyRequest) -> Result<(), Refusal> {
        match request.headers.get("origin") {
            Some(origin)
                if !self.allowed_origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()) =>
            {
                Err(Refusal(403, "the origin is not allowed"))
            }
            _ => Ok(()),
        }
    }

    async fn redeem(
        &self,
        request: &ApiGatewayWebsocketProxyRequest,
        offered: &[&str],
    ) -> Result<Tenant, Refusal> {
        let ticket = offered
            .iter()
            .find_map(|protocol| protocol.strip_prefix("ticket."))
            .or_else(|| request.query_string_parameters.first("ticket"))
            .ok_or(Refusal(401, "no ticket"))?;
        let redeemed = self.connections.redeem(&ticket::hash(ticket), self.clock.now()).await;
        match redeemed {
            Ok(tenant) => tenant.ok_or(Refusal(401, "the ticket is unknown, used or expired")),
            Err(error) => {
                tracing::error!(%error, "a ticket could not be redeemed");
                Err(Refusal(503, "the table can't be reached"))
            }
        }
    }
}

fn subprotocols(request: &ApiGatewayWebsocketProxyRequest) -> Vec<&str> {
    request
        .headers
        .get_all("sec-websocket-protocol")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .filter(|protocol| !protocol.is_empty())
        .collect()
}

/// A client that offered subprotocols closes the socket unless one of them is chosen.
fn opened(request: &ApiGatewayWebsocketProxyRequest) -> ApiGatewayProxyResponse {
    let mut response = response(200);
    if !subprotocols(request).is_empty()
        && let Ok(chosen) = SUBPROTOCOL.parse()
    {
        response.headers.insert("sec-websocket-protocol", chosen);
    }
    response
}

fn response(status: i64) -> ApiGatewayProxyResponse {
    let mut response = ApiGatewayProxyResponse::default();
    response.status_code = status;
    response
}
