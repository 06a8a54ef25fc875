"""HTTP APIs: what MiniStack does differently."""

import http.client
import json
import unittest
from urllib.parse import urlsplit

from expedite_local import tokens
from tests.emulation import Emulator, shows

_API = """
    Resources:
      Pool: {Type: AWS::Cognito::UserPool}
      Client:
        Type: AWS::Cognito::UserPoolClient
        Properties: {UserPoolId: !Ref Pool, ExplicitAuthFlows: [ALLOW_ADMIN_USER_PASSWORD_AUTH]}
      Api:
        Type: AWS::Serverless::HttpApi
        Properties:
          StageName: STAGE
          Auth:
            DefaultAuthorizer: Jwt
            Authorizers:
              Jwt:
                IdentitySource: $request.header.Authorization
                JwtConfiguration:
                  issuer: !Sub 'https://cognito-idp.${AWS::Region}.amazonaws.com/${Pool}'
                  audience: [!Ref Client]
      F:
        Type: AWS::Serverless::Function
        Properties:
          Events:
            Guarded: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: POST, Path: '/things/{id}'}}
            Open: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /open, Auth: {Authorizer: NONE}}}
"""


def _call(emulator: Emulator, method: str, path: str, headers: dict | None = None, body: bytes = b"") -> tuple:
    """Status and parsed body; the test function answers with its event."""
    address = urlsplit(emulator.aws.endpoint_url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
    connection.request(method, f"/_aws/execute-api/{path}", body=body, headers=headers or {})
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    return response.status, answer


class Bodies(unittest.TestCase):
    @shows("http-api-body", without="404 != 401")
    def test_routes_and_authorizer_come_from_the_body(self, emulator: Emulator) -> None:
        made = emulator.deploy("http-api-body", _API.replace("STAGE", "$default"))
        things = f"{made['Api']}/$default/things/7"
        status, _answer = _call(emulator, "POST", things)
        self.assertEqual(status, 401)
        token = tokens.issue(emulator.aws, made["Pool"], made["Client"], "someone")
        allowed = {"authorization": f"Bearer {token}", "content-type": "application/octet-stream"}
        status, event = _call(emulator, "POST", f"{things}?a=1&a=2", allowed, b"\xff\x00")
        self.assertEqual(status, 200)
        self.assertEqual(event["routeKey"], "POST /things/{id}")
        self.assertEqual(event["pathParameters"], {"id": "7"})
        self.assertEqual(event["queryStringParameters"], {"a": "1,2"})
        self.assertEqual(event["rawPath"], "/things/7")
        self.assertEqual((event["body"], event["isBase64Encoded"]), ("/wA=", True))
        self.assertEqual(event["requestContext"]["authorizer"]["jwt"]["claims"]["username"], "someone")
        self.assertEqual(_call(emulator, "POST", things, allowed | {"authorization": f"Bearer {token}x"})[0], 401)
        self.assertEqual(_call(emulator, "GET", f"{made['Api']}/$default/open")[0], 200)


class Stages(unittest.TestCase):
    @shows("stage-in-path", without="'/open' != '/named/open'")
    def test_a_named_stage_leads_the_path(self, emulator: Emulator) -> None:
        made = emulator.deploy("stage-in-path", _API.replace("STAGE", "named"))
        status, event = _call(emulator, "GET", f"{made['Api']}/named/open")
        self.assertEqual(status, 200)
        self.assertEqual(event["rawPath"], "/named/open")
        self.assertEqual(event["requestContext"]["http"]["path"], "/named/open")
