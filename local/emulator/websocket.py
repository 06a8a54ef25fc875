"""WebSocket APIs (API Gateway v2)."""

import json
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from http import HTTPStatus

from ministack.services import apigateway
from ministack.services.cloudformation import provisioners

from emulator.gaps import gap

#: ASGI's way to send a message.
Send = Callable[[dict], Awaitable[None]]

#: Where _invoke_ws_lambda has the route and the event type among its arguments.
_ROUTE, _EVENT_TYPE = 3, 6
_SUBPROTOCOL = "sec-websocket-protocol"

#: Messages that wait for a client while the socket takes no more.
_BUFFER = 10

#: What $connect answered, for the handshake, which is in the same task.
_answer: ContextVar[dict | None] = ContextVar("answer of $connect", default=None)


@gap("websocket-subprotocol")
def answer_with_the_subprotocol() -> None:
    """1.5.33: the handshake lacks the subprotocol that ``$connect`` chose, so that browsers drop the connection."""

    async def send_with_subprotocol(_scope, send, message):
        headers = {name.lower(): value for name, value in ((_answer.get() or {}).get("headers") or {}).items()}
        if message["type"] == "websocket.accept" and _SUBPROTOCOL in headers:
            message = {**message, "subprotocol": headers[_SUBPROTOCOL]}
        await send(message)

    _send_through(send_with_subprotocol)


@gap("websocket-refusal")
def refuse_with_the_status_of_connect() -> None:
    """1.5.33: a handshake is refused with 403 whatever ``$connect`` answered; API Gateway passes its status on."""

    async def send_with_status(scope, send, message):
        status = int((_answer.get() or {}).get("statusCode", 200))
        # Once a connection stands, a close is a close.
        if message["type"] != "websocket.close" or 200 <= status < 300:
            await send(message)
            return
        await apigateway._refuse_ws_handshake(scope, send, status, HTTPStatus(status).phrase, None, None)

    _send_through(send_with_status)


def _send_through(change: Callable[[dict, Send, dict], Awaitable[None]]) -> None:
    """Has ``change`` send each message of a connection, knowing what ``$connect`` answered."""
    invoke, handle = apigateway._invoke_ws_lambda, apigateway.handle_websocket

    async def invoke_and_remember(*args, **kwargs):
        response = await invoke(*args, **kwargs)
        if args[_EVENT_TYPE] == "CONNECT":
            _answer.set(response)
        return response

    async def handle_with_change(scope, receive, send, api_id, path_override=None):
        _answer.set(None)
        await handle(scope, receive, lambda message: change(scope, send, message), api_id, path_override)

    apigateway._invoke_ws_lambda, apigateway.handle_websocket = invoke_and_remember, handle_with_change


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


@gap("websocket-buffer")
def refuse_what_a_client_does_not_read() -> None:
    """1.5.33: keeps any number of messages for a client that reads none; API Gateway answers 429 when its buffer is full.

    How much API Gateway keeps is not documented.
    """
    handle = apigateway.handle_connections_api

    async def handle_with_limit(method, api_id, stage, connection_id, *args, **kwargs):
        connection = apigateway._ws_connections.get(connection_id)
        if method == "POST" and connection and connection["outbox"].qsize() >= _BUFFER:
            headers = {"Content-Type": "application/json", "x-amzn-ErrorType": "LimitExceededException"}
            return 429, headers, b'{"message": "the client reads too slowly"}'
        return await handle(method, api_id, stage, connection_id, *args, **kwargs)

    apigateway.handle_connections_api = handle_with_limit


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
