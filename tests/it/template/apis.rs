//! Nobody gets in without showing who they are.

use super::{Template, check, target, texts};
use serde_json::Value;

/// Every HTTP route has the authorizer, by default and without an exception.
fn http(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, api) in template.resources("AWS::Serverless::HttpApi") {
        let auth = &api["Properties"]["Auth"];
        let authorizer = auth["DefaultAuthorizer"].as_str().unwrap_or_default();
        if auth["Authorizers"][authorizer]["JwtConfiguration"]["issuer"].is_null() {
            broken.push(format!("{name} lets everybody in"));
        }
    }
    for (name, function) in template.resources("AWS::Serverless::Function") {
        for (event, definition) in function["Properties"]["Events"].as_object().into_iter().flatten() {
            if !definition["Properties"]["Auth"].is_null() {
                broken.push(format!("{name}'s {event} is excepted from the authorizer"));
            }
        }
    }
    broken
}

#[test]
fn every_http_route_asks_for_a_token() {
    check(
        http,
        &[
            ("DefaultAuthorizer: Jwt", "DefaultAuthorizer: Other", "HttpApi lets everybody in"),
            (
                "Path: /v1/stats}}",
                "Path: /v1/stats, Auth: {Authorizer: NONE}}}",
                "ControlFunction's Stats is excepted",
            ),
        ],
    );
}

/// `$connect` is open to the API, so its function must be the one that uses tickets up; no other route may open a socket.
fn websocket(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, route) in template.resources("AWS::ApiGatewayV2::Route") {
        let properties = &route["Properties"];
        let key = properties["RouteKey"].as_str().unwrap_or_default();
        if !["$connect", "$disconnect", "$default"].contains(&key) {
            broken.push(format!("{name} is a route that nobody knows: {key}"));
        }
        let path = properties["Target"]["Fn::Sub"].as_str().unwrap_or_default();
        let integration = path.trim_start_matches("integrations/${").trim_end_matches('}');
        let uri = &template.resource(integration)["Properties"]["IntegrationUri"]["Fn::Sub"];
        let uri = uri.as_str().unwrap_or_default();
        let function =
            uri.split("${").filter_map(|part| part.split_once(".Arn}")).map(|(name, _)| name).last();
        let Some(function) = function else {
            broken.push(format!("{name} leads to no function"));
            continue;
        };
        if key == "$connect" && !uses_tickets_up(template.resource(function)) {
            broken.push(format!("{name} is open: {function} can't use a ticket up"));
        }
        broken.extend(unless_only_that_route_may_call(template, function, key));
    }
    broken
}

fn uses_tickets_up(function: &Value) -> bool {
    let policies = function["Properties"]["Policies"].as_array().into_iter().flatten();
    let mut statements = policies.flat_map(|policy| policy["Statement"].as_array().into_iter().flatten());
    statements.any(|statement| {
        texts(&statement["Action"]).contains(&"dynamodb:DeleteItem")
            && target(&statement["Resource"]) == Some("ConnectionsTable")
    })
}

fn unless_only_that_route_may_call(template: &Template, function: &str, key: &str) -> Option<String> {
    let permissions = template.resources("AWS::Lambda::Permission");
    let of_it: Vec<_> = permissions
        .iter()
        .filter(|(_, it)| target(&it["Properties"]["FunctionName"]) == Some(function))
        .collect();
    let good = of_it.len() == 1
        && of_it.iter().all(|(_, it)| {
            let source = it["Properties"]["SourceArn"]["Fn::Sub"].as_str().unwrap_or_default();
            source.ends_with(&format!("/{key}"))
        });
    (!good).then(|| format!("{function} can be called by others than the route {key}"))
}

#[test]
fn only_a_ticket_opens_a_socket() {
    check(
        websocket,
        &[
            (
                "Action: [dynamodb:DeleteItem, dynamodb:PutItem]",
                "Action: dynamodb:PutItem",
                "ConnectRoute is open",
            ),
            ("RouteKey: $default", "RouteKey: anything", "a route that nobody knows"),
            ("integrations/${DisconnectIntegration}", "integrations/${Nothing}", "leads to no function"),
            ("${WebSocketApi}/*/$connect'", "${WebSocketApi}/*'", "others than the route $connect"),
        ],
    );
}
