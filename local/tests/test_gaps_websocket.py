"""WebSocket APIs: what MiniStack does differently."""

import json
import unittest

import boto3
from botocore.config import Config

from expedite_local.aws import REGION
from tests.emulation import Emulator, shows
from tests.websocket_client import WebSocket

_API = """
    Resources:
      F: {Type: AWS::Serverless::Function}
      Api:
        Type: AWS::ApiGatewayV2::Api
        Properties: {Name: !Ref AWS::StackName, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}
      Stage:
        Type: AWS::ApiGatewayV2::Stage
        Properties: {ApiId: !Ref Api, StageName: live, AutoDeploy: true}
      Integration:
        Type: AWS::ApiGatewayV2::Integration
        Properties:
          ApiId: !Ref Api
          IntegrationType: AWS_PROXY
          IntegrationUri: !Sub 'arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${F.Arn}/invocations'
      Connect:
        Type: AWS::ApiGatewayV2::Route
        Properties: {ApiId: !Ref Api, RouteKey: $connect, Target: !Sub 'integrations/${Integration}'}
      Silent:
        Type: AWS::ApiGatewayV2::Route
        Properties: {ApiId: !Ref Api, RouteKey: silent, Target: !Sub 'integrations/${Integration}'}
      Answering:
        Type: AWS::ApiGatewayV2::Route
        Properties:
          ApiId: !Ref Api
          RouteKey: $default
          RouteResponseSelectionExpression: $default
          Target: !Sub 'integrations/${Integration}'
"""

_RESPONSE = """
      Response:
        Type: AWS::ApiGatewayV2::RouteResponse
        Properties: {ApiId: !Ref Api, RouteId: !Ref Answering, RouteResponseKey: $default}
"""


def _connect(emulator: Emulator, api_id: str, subprotocols: list[str] | None = None) -> WebSocket:
    url = emulator.aws.endpoint_url.replace("http", "ws", 1)
    return WebSocket(f"{url}/_aws/execute-api/{api_id}/live", subprotocols)


class Handshakes(unittest.TestCase):
    @shows("websocket-subprotocol", without="None != 'chosen.v1'")
    def test_the_answer_has_the_subprotocol_that_connect_chose(self, emulator: Emulator) -> None:
        made = emulator.deploy("websocket-subprotocol", _API)
        with _connect(emulator, made["Api"], ["chosen.v1", "ticket.1"]) as socket:
            self.assertEqual(socket.subprotocol, "chosen.v1")
        with _connect(emulator, made["Api"]) as socket:
            self.assertIsNone(socket.subprotocol)

    @shows("websocket-refusal", without='does not match "refused with 403')
    def test_a_refusal_has_the_status_of_connect(self, emulator: Emulator) -> None:
        made = emulator.deploy("websocket-refusal", _API)
        with self.assertRaisesRegex(AssertionError, "refused with 418"):
            _connect(emulator, made["Api"], ["refuse.418"])


class Replies(unittest.TestCase):
    @shows("websocket-reply", without="is not None")
    def test_only_a_route_with_a_response_replies(self, emulator: Emulator) -> None:
        made = emulator.deploy("websocket-reply", _API)
        with _connect(emulator, made["Api"]) as socket:
            socket.send('{"action": "anything"}')
            self.assertIn("connectionId", socket.receive() or "")
            socket.send('{"action": "silent"}')
            self.assertIsNone(socket.receive(seconds=1))

    @shows("websocket-route-response", without="Unrecognized resource types.*RouteResponse")
    def test_a_template_has_route_responses(self, emulator: Emulator) -> None:
        made = emulator.deploy("websocket-route-response", _API + _RESPONSE)
        apigateway = emulator.aws.client("apigatewayv2")
        route_id = made["Answering"].rpartition("/")[2]
        [response] = apigateway.get_route_responses(ApiId=made["Api"], RouteId=route_id)["Items"]
        self.assertEqual(response["RouteResponseKey"], "$default")


class Connections(unittest.TestCase):
    @shows("get-connection-names", without="ConnectedAt")
    def test_a_connection_can_be_read(self, emulator: Emulator) -> None:
        made = emulator.deploy("get-connection-names", _API)
        with _connect(emulator, made["Api"]) as socket:
            socket.send("{}")
            connection_id = json.loads(socket.receive() or "")["requestContext"]["connectionId"]
            management = _management(emulator, made["Api"])
            connection = management.get_connection(ConnectionId=connection_id)
            self.assertIn("ConnectedAt", connection)
            self.assertEqual(connection["Identity"]["SourceIp"], "127.0.0.1")
            management.post_to_connection(ConnectionId=connection_id, Data=b"pushed")
            self.assertEqual(socket.receive(), "pushed")

    @shows("websocket-buffer", without="LimitExceededException not raised")
    def test_a_client_that_does_not_read_gets_no_more(self, emulator: Emulator) -> None:
        made = emulator.deploy("websocket-buffer", _API)
        with _connect(emulator, made["Api"]) as socket:
            socket.send("{}")
            connection_id = json.loads(socket.receive() or "")["requestContext"]["connectionId"]
            management = _management(emulator, made["Api"])
            # The sockets' own buffers have some MB.
            with self.assertRaises(management.exceptions.LimitExceededException):
                for _ in range(200):
                    management.post_to_connection(ConnectionId=connection_id, Data=b"x" * 100_000)
            while socket.receive(seconds=1):
                pass
            management.post_to_connection(ConnectionId=connection_id, Data=b"read again")
            self.assertEqual(socket.receive(), "read again")


def _management(emulator: Emulator, api_id: str):
    return boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=f"{emulator.aws.endpoint_url}/_aws/execute-api/{api_id}/live",
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )
