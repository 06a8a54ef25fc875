//! Who calls, and what for: the claims of a token that API Gateway's JWT authorizer has checked.

use crate::problem::Problem;
use expedite_domain::{Subject, Tenant, Trace};
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

/// What the request is part of: the caller's own trace, where it sends one (W3C Trace Context, `traceparent`), or the one
/// that API Gateway has given the request (`X-Amzn-Trace-Id`, whose root has the same 128 bits).
pub fn trace(request: &Request) -> Option<Trace> {
    let header = |name| request.headers().get(name)?.to_str().ok();
    header("traceparent").and_then(parent).or_else(|| header("x-amzn-trace-id").and_then(root))
}

/// `00-<32 digits>-<16 digits>-<2 digits>`; later versions may have more behind it.
fn parent(header: &str) -> Option<Trace> {
    let mut parts = header.split('-');
    let version = parts.next().filter(|version| version.len() == 2 && *version != "ff")?;
    let trace = parts.next()?.parse().ok()?;
    let rest: Vec<_> = parts.collect();
    let fits = rest.len() == 2 || version != "00" && rest.len() > 2;
    fits.then_some(trace)
}

/// `Root=1-<8 digits>-<24 digits>` among fields that are parted by `;`.
fn root(header: &str) -> Option<Trace> {
    let root = header.split(';').find_map(|field| field.trim().strip_prefix("Root=1-"))?;
    let (time, unique) = root.split_once('-')?;
    if time.len() == 8 { format!("{time}{unique}").parse().ok() } else { None }
}

/// API Gateway's name for the request, which its own logs have too.
pub fn request_id(request: &Request) -> &str {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.as_deref().unwrap_or_default(),
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_in_headers() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let x_ray = "1-4bf92f35-77b34da6a3ce929d0e0e4736";
        for (header, found) in [
            (format!("00-{trace}-00f067aa0ba902b7-01"), true),
            (format!("cc-{trace}-00f067aa0ba902b7-01-more"), true),
            (format!("00-{trace}-00f067aa0ba902b7-01-more"), false),
            (format!("ff-{trace}-00f067aa0ba902b7-01"), false),
            (format!("00-{trace}"), false),
            (format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)), false),
            (String::new(), false),
        ] {
            assert_eq!(
                parent(&header).map(|trace| trace.to_string()),
                found.then(|| trace.to_owned()),
                "{header}"
            );
        }
        for (header, found) in [
            (format!("Root={x_ray}"), true),
            (
                format!(
                    "Self=1-67891234-12456789abcdef012345678; Root={x_ray};Parent=00f067aa0ba902b7;Sampled=1"
                ),
                true,
            ),
            (format!("Root=2-{}", &x_ray[2..]), false),
            ("Root=1-4bf92f3577b34da6-a3ce929d0e0e4736".to_owned(), false),
            ("Root=1-4bf92f35-77b3".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(
                root(&header).map(|trace| trace.to_string()),
                found.then(|| trace.to_owned()),
                "{header}"
            );
        }
    }
}
