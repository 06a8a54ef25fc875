//! Who calls: the tenant in a token that API Gateway's JWT authorizer has checked.

use crate::problem::Problem;
use expedite_domain::Tenant;
use lambda_http::{Request, RequestExt, request::RequestContext};

/// The tenant that the claim of that name gives. Never taken from anywhere else.
///
/// # Errors
/// 403 where the token has no such claim, or it can't be a tenant's name.
pub fn tenant(request: &Request, claim: &str) -> Result<Tenant, Problem> {
    let context = request.request_context_ref();
    let claims = match context {
        Some(RequestContext::ApiGatewayV2(context)) => {
            context.authorizer.as_ref().and_then(|authorizer| authorizer.jwt.as_ref())
        }
        _ => None,
    };
    let text = claims.and_then(|jwt| jwt.claims.get(claim)).ok_or_else(|| {
        Problem::forbidden(format!("The token has no claim {claim}, which names the tenant."))
    })?;
    text.parse().map_err(|invalid| {
        Problem::forbidden(format!("The token's claim {claim} names no tenant: it {invalid}."))
    })
}

/// The route that API Gateway chose, `GET /v1/messages/{id}`.
pub fn route(request: &Request) -> Option<String> {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.route_key.clone(),
        _ => None,
    }
}
