//! Who calls, and what for: the claims of a token that API Gateway's JWT authorizer has checked.

use crate::problem::Problem;
use expedite_domain::{Subject, Tenant};
use lambda_http::{Request, RequestExt, request::RequestContext};

/// The tenant that the claim of that name gives. Never taken from anywhere else.
///
/// # Errors
/// 403 where the token has no such claim, or it can't be a tenant's name.
pub fn tenant(request: &Request, claim: &str) -> Result<Tenant, Problem> {
    let text = value(request, claim).ok_or_else(|| {
        Problem::forbidden(format!("The token has no claim {claim}, which names the tenant."))
    })?;
    text.parse().map_err(|invalid| {
        Problem::forbidden(format!("The token's claim {claim} names no tenant: it {invalid}."))
    })
}

/// Whom the token speaks for, by its claim `sub`; none where that is missing or too long.
pub fn subject(request: &Request) -> Option<Subject> {
    value(request, "sub")?.parse().ok()
}

/// Whether `scope` is among the words of the token's claim `scope` (RFC 8693, section 4.2). Everybody has the empty one.
pub fn has_scope(request: &Request, scope: &str) -> bool {
    scope.is_empty()
        || value(request, "scope").is_some_and(|words| words.split(' ').any(|word| word == scope))
}

fn value<'a>(request: &'a Request, claim: &str) -> Option<&'a str> {
    let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref() else {
        return None;
    };
    let jwt = context.authorizer.as_ref()?.jwt.as_ref()?;
    jwt.claims.get(claim).map(String::as_str)
}

/// The route that API Gateway chose, `GET /v1/messages/{id}`.
pub fn route(request: &Request) -> Option<String> {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.route_key.clone(),
        _ => None,
    }
}
