//! Who calls: the tenant in a token that API Gateway's JWT authorizer has checked.

use crate::problem::Problem;
use expedite_domain::{Subject, Tenant};
use lambda_http::{Request, RequestExt, request::RequestContext};

/// The tenant that the claim of that name gives. Never taken from anywhere else.
///
/// # Errors
/// 403 where the token has no such claim, or it can't be a tenant's name.
pub fn tenant(request: &Request, claim: &str) -> Result<Tenant, Problem> {
    let text = self::claim(request, claim).ok_or_else(|| {
        Problem::forbidden(format!("The token has no claim {claim}, which names the tenant."))
    })?;
    text.parse().map_err(|invalid| {
        Problem::forbidden(format!("The token's claim {claim} names no tenant: it {invalid}."))
    })
}

/// Who the token was made for, where it says so.
pub fn subject(request: &Request) -> Option<Subject> {
    claim(request, "sub")?.parse().ok()
}

/// Whether the token grants `scope` (RFC 8693, section 4.2: words with spaces between them). An empty one is everybody's.
pub fn has_scope(request: &Request, scope: &str) -> bool {
    scope.is_empty()
        || claim(request, "scope").is_some_and(|granted| granted.split(' ').any(|word| word == scope))
}

fn claim<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => {
            let jwt = context.authorizer.as_ref()?.jwt.as_ref()?;
            jwt.claims.get(name).map(String::as_str)
        }
        _ => None,
    }
}

/// The route that API Gateway chose, `GET /v1/messages/{id}`.
pub fn route(request: &Request) -> Option<String> {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.route_key.clone(),
        _ => None,
    }
}
