"""HTTP APIs (API Gateway v2)."""

from ministack.core.responses import new_uuid
from ministack.services import apigateway
from ministack.services.cloudformation import provisioners

from emulator.gaps import gap

_ANY_METHOD = "x-amazon-apigateway-any-method"


@gap("http-api-body")
def import_the_body_of_an_api() -> None:
    """1.5.33: ignores an API's ``Body``, which is where SAM puts the routes of an HttpApi: it would have none."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::ApiGatewayV2::Api"]
    create, update = handlers["create"], handlers["update"]

    def create_with_body(logical_id, props, stack_name):
        api_id, attributes = create(logical_id, _with_name(props), stack_name)
        _import_body(api_id, props)
        return api_id, attributes

    def update_with_body(physical_id, old_props, new_props, stack_name, logical_id=None):
        api_id, attributes = update(
            physical_id, _with_name(old_props), _with_name(new_props), stack_name, logical_id=logical_id
        )
        _import_body(api_id, new_props)
        return api_id, attributes

    handlers.update(create=create_with_body, update=update_with_body)


def _with_name(props: dict) -> dict:
    """An API with a body takes its name from there."""
    title = ((props.get("Body") or {}).get("info") or {}).get("title")
    return {**props, "Name": title} if title and not props.get("Name") else props


def _import_body(api_id: str, props: dict) -> None:
    body = props.get("Body")
    if not isinstance(body, dict):
        return
    cors = body.get("x-amazon-apigateway-cors")
    if cors:
        apigateway._apis[api_id]["corsConfiguration"] = cors
    apigateway._authorizers[api_id] = {}
    apigateway._integrations[api_id] = {}
    apigateway._routes[api_id] = {}
    authorizers = _import_authorizers(api_id, body)
    for path, operations in (body.get("paths") or {}).items():
        for method, operation in operations.items():
            if method == _ANY_METHOD or not method.startswith("x-"):
                _import_route(api_id, path, method, operation, authorizers)


def _import_authorizers(api_id: str, body: dict) -> dict[str, str]:
    """Imports the JWT authorizers; gives the id for each name."""
    ids = {}
    for name, scheme in ((body.get("components") or {}).get("securitySchemes") or {}).items():
        authorizer = scheme.get("x-amazon-apigateway-authorizer") or {}
        if authorizer.get("type") != "jwt":
            continue
        source = authorizer.get("identitySource")
        ids[name] = new_uuid()[:8]
        apigateway._authorizers[api_id][ids[name]] = {
            "authorizerId": ids[name],
            "authorizerType": "JWT",
            "name": name,
            "identitySource": [source] if isinstance(source, str) else source,
            "jwtConfiguration": authorizer["jwtConfiguration"],
        }
    return ids


def _import_route(api_id: str, path: str, method: str, operation: dict, authorizers: dict[str, str]) -> None:
    integration_id = _import_integration(api_id, operation.get("x-amazon-apigateway-integration") or {})
    verb = "ANY" if method == _ANY_METHOD else method.upper()
    route = {
        "routeId": new_uuid()[:8],
        "routeKey": "$default" if path == "/$default" else f"{verb} {path}",
        "target": f"integrations/{integration_id}",
        "authorizationType": "NONE",
    }
    for requirement in operation.get("security") or []:
        for name, scopes in requirement.items():
            if name in authorizers:
                route.update(authorizationType="JWT", authorizerId=authorizers[name], authorizationScopes=scopes)
    apigateway._routes[api_id][route["routeId"]] = route


def _import_integration(api_id: str, integration: dict) -> str:
    integration_id = new_uuid()[:8]
    apigateway._integrations[api_id][integration_id] = {
        "integrationId": integration_id,
        "integrationType": str(integration.get("type", "")).upper(),
        "integrationUri": integration.get("uri", ""),
        "integrationMethod": integration.get("httpMethod", "POST"),
        "payloadFormatVersion": integration.get("payloadFormatVersion", "2.0"),
        "timeoutInMillis": integration.get("timeoutInMillis", 30000),
    }
    return integration_id


@gap("stage-in-path")
def say_the_stage_in_the_path() -> None:
    """1.5.33: ``rawPath`` and ``http.path`` lack the stage; on AWS every stage but ``$default`` leads them."""
    invoke = apigateway._invoke_lambda_proxy

    async def invoke_with_stage(integration, api_id, stage, path, *args, **kwargs):
        staged = path if stage == "$default" else f"/{stage}{path}"
        return await invoke(integration, api_id, stage, staged, *args, **kwargs)

    apigateway._invoke_lambda_proxy = invoke_with_stage
