"""WebSocket APIs (API Gateway v2)."""

import json
import time
from contextvars import ContextVar

from ministack.services import apigateway
from ministack.services.cloudformation import provisioners

from emulator.gaps import gap

#: Where _invoke_ws_lambda has the route and the event type among its arguments.
_ROUTE, _EVENT_TYPE = 3, 6
_SUBPROTOCOL = "sec-websocket-protocol"

#: What $connect answered, for the handshake in the same task.
_chosen: ContextVar[str | None] = ContextVar("chosen subprotocol", default=None)


@gap("websocket-subprotocol")
def answer_with_the_subprotocol() -> None:
    """1.5.33: the handshake lacks the subprotocol that ``$connect`` chose, so that browsers drop the connection."""
    invoke, handle = apigateway._invoke_ws_lambda, apigateway.handle_websocket

    async def invoke_and_remember(*args, **kwargs):
        response = await invoke(*args, **kwargs)
        if args[_EVENT_TYPE] == "CONNECT" and response:
            headers = {name.lower(): value for name, value in (response.get("headers") or {}).items()}
            _chosen.set(headers.get(_SUBPROTOCOL))
        return response

    async def handle_with_subprotocol(scope, receive, send, api_id, path_override=None):
        _chosen.set(None)

        async def send_with_subprotocol(message):
            if message["type"] == "websocket.accept" and _chosen.get():
                message = {**message, "subprotocol": _chosen.get()}
            await send(message)

        await handle(scope, receive, send_with_subprotocol, api_id, path_override)

    apigateway._invoke_ws_lambda, apigateway.handle_websocket = invoke_and_remember, handle_with_subprotocol


@gap("websocket-reply")
def reply_only_where_a_route_says_so() -> None:
    """1.5.33: sends every function's body back; API Gateway does so only for a route that selects a response."""
    invoke = apigateway._invoke_ws_lambda

    async def invoke_without_reply(*args, **kwargs):
        response = await invoke(*args, **kwargs)
        selects_response = args[_ROUTE].get("routeResponseSelectionExpression")
        if args[_EVENT_TYPE] == "MESSAGE" and response and not selects_response:
            return {**response, "body": None}
        return response

    apigateway._invoke_ws_lambda = invoke_without_reply


@gap("websocket-route-response")
def provision_route_responses() -> None:
    """1.5.33: has no ``AWS::ApiGatewayV2::RouteResponse`` in CloudFormation; a template with one is refused."""
    provisioners._RESOURCE_HANDLERS["AWS::ApiGatewayV2::RouteResponse"] = {
        "create": _create_route_response,
        "update": lambda physical_id, _old_props, new_props, stack_name: _create_route_response(
            physical_id, new_props, stack_name
        ),
        "delete": lambda physical_id, props: apigateway._delete_route_response(
            props["ApiId"], _route_id(props), physical_id
        ),
    }


def _create_route_response(_logical_id, props, _stack_name):
    status, _headers, body = apigateway._create_route_response(
        props["ApiId"], _route_id(props), {"routeResponseKey": props["RouteResponseKey"]}
    )
    answer = json.loads(body)
    if status >= 300:
        raise ValueError(f"AWS::ApiGatewayV2::RouteResponse: {answer['message']}")
    return answer["routeResponseId"], {"RouteResponseId": answer["routeResponseId"]}


def _route_id(props: dict) -> str:
    """MiniStack's ``!Ref`` of a route has the API's id before the route's own."""
    return props["RouteId"].rpartition("/")[2]


@gap("get-connection-names")
def name_connections_as_the_api_does() -> None:
    """1.5.33: GetConnection answers ``ConnectedAt``, a number; SDKs read ``connectedAt``, a timestamp."""
    handle = apigateway.handle_connections_api

    async def handle_with_wire_names(method, *args, **kwargs):
        status, headers, body = await handle(method, *args, **kwargs)
        if method == "GET" and status == 200:
            body = json.dumps(_on_the_wire(json.loads(body))).encode()
        return status, headers, body

    apigateway.handle_connections_api = handle_with_wire_names


def _on_the_wire(connection: dict) -> dict:
    return {
        "connectedAt": _timestamp(connection["ConnectedAt"]),
        "identity": connection["Identity"],
        "lastActiveAt": _timestamp(connection["LastActiveAt"]),
    }


def _timestamp(epoch_seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch_seconds))
