//! Forgets a connection and its subscriptions.

use aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequest};
use expedite::ports::{ConnectionId, Connections};

/// `$disconnect`. API Gateway reads no answer and sends the event at most once: what stays behind goes by its expiry, or
/// when a push finds the connection gone.
pub async fn disconnect(
    connections: &impl Connections,
    request: &ApiGatewayWebsocketProxyRequest,
) -> ApiGatewayProxyResponse {
    let mut response = ApiGatewayProxyResponse::default();
    response.status_code = 200;
    let Some(id) = request.request_context.connection_id.clone() else {
        return response;
    };
    if let Err(error) = connections.close(&ConnectionId(id)).await {
        tracing::warn!(%error, "a connection could not be forgotten; it goes by its expiry");
    }
    response
}
