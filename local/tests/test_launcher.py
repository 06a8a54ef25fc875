"""The launcher, with a small template of its own and every real part."""

import contextlib
import json
import socket
import ssl
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError

from expedite_local.aws import Aws
from tests.launcher import TEMPLATE, Launcher, all_end, processes_of


class Folder(unittest.TestCase):
    """Tests with a folder of their own."""

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="expedite-")))


class RunningSystem(unittest.TestCase):
    """What a running system offers. One for all tests: they leave every part running."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="expedite-")))
        # The emulator's own port is taken, by this or by another system.
        with contextlib.suppress(OSError):
            cls.enterClassContext(socket.create_server(("127.0.0.1", 4566)))
        cls.launcher = Launcher(cls.folder / "state", "--parameter", 'Greeting=say "hello" to a=b')
        cls.addClassCleanup(cls.launcher.end)
        cls.endpoints = cls.launcher.endpoints()

    def _status(self, token: str | None) -> int:
        request = urllib.request.Request(f"{self.endpoints['http_url']}/v1/messages")
        if token:
            request.add_header("authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status
        except urllib.error.HTTPError as refusal:
            return refusal.code

    def _tls(self, url: str) -> ssl.SSLSocket:
        address = urlsplit(url)
        context = ssl.create_default_context(cafile=self.endpoints["ssl_cert_file"])
        return context.wrap_socket(
            socket.create_connection((address.hostname, address.port), timeout=5), server_hostname=address.hostname
        )

    def test_endpoints_are_written_too(self) -> None:
        written = json.loads((self.folder / "state" / "endpoints.json").read_text())
        self.assertEqual(written["http_url"], self.endpoints["http_url"])
        self.assertEqual(set(written["pids"]), {"launcher", "emulator", "broker", "poller"})

    def test_a_parameter_reaches_the_template(self) -> None:
        self.assertEqual(self.endpoints["outputs"]["Greeting"], 'say "hello" to a=b')

    def test_a_busy_port_is_left_to_its_owner(self) -> None:
        self.assertNotEqual(urlsplit(self.endpoints["aws_endpoint_url"]).port, 4566)

    def test_what_it_leaves_behind_is_in_its_folder(self) -> None:
        state = self.folder / "state"
        self.assertTrue(list((state / "sam").glob("tmp*")), "sam deploy leaves folders of the functions")
        for process in self.endpoints["pids"]["emulator"], _child(self.endpoints["pids"]["emulator"]):
            environment = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
            self.assertIn(f"TMPDIR={state / 'emulator'}".encode(), environment)

    def test_a_token_opens_the_api(self) -> None:
        self.assertEqual(self._status(None), 401)
        for _ in range(2):  # the caller is made once and signs in again
            self.assertEqual(self._status(self.launcher.order("token acme")["token"]), 200)

    def test_the_broker_speaks_tls_with_a_certificate_of_the_authority(self) -> None:
        for url in self.endpoints["broker"].values():
            with self._tls(url) as connection:
                self.assertEqual(dict(connection.getpeercert()["subject"][0])["commonName"], "localhost")

    def test_the_broker_can_be_killed_and_started_again(self) -> None:
        before = self.endpoints["pids"]["broker"]
        self.assertNotIn("broker", self.launcher.order("broker kill")["pids"])
        with self.assertRaises(OSError):
            self._tls(self.endpoints["broker"]["amqp"])
        after = self.launcher.order("broker start")["pids"]["broker"]
        self.assertNotEqual(before, after)
        self._tls(self.endpoints["broker"]["amqp"]).close()
        written = json.loads((self.folder / "state" / "endpoints.json").read_text())
        self.assertEqual(written["pids"]["broker"], after)

    def test_the_broker_can_be_frozen(self) -> None:
        self.assertTrue(self.launcher.order("broker freeze")["ok"])
        with self.assertRaises(TimeoutError):
            self._tls(self.endpoints["broker"]["amqp"])
        self.assertTrue(self.launcher.order("broker thaw")["ok"])
        self._tls(self.endpoints["broker"]["amqp"]).close()

    def test_a_password_of_the_broker_changes_with_its_next_start(self) -> None:
        specification, log = self.folder / "state" / "broker.json", self.folder / "state" / "logs" / "broker.log"
        users = json.loads(specification.read_text())["users"]
        before = next(user["password"] for user in users if user["username"] == "mapping")
        self._change_password("another")
        deadline = time.monotonic() + 10
        while "User name [mapping] or password is invalid" not in log.read_text():
            self.assertLess(time.monotonic(), deadline, "the old one is still good")
            time.sleep(0.05)
        self._change_password(before)

    def _change_password(self, password: str) -> None:
        for order in (f"broker password mapping {password}", "broker stop", "broker start"):
            self.assertTrue(self.launcher.order(order)["ok"], order)

    def test_the_poller_can_be_stopped_and_started_again(self) -> None:
        self.assertNotIn("poller", self.launcher.order("poller stop")["pids"])
        self.assertIn("poller", self.launcher.order("poller start")["pids"])

    def test_a_mapping_can_be_switched_off_and_on(self) -> None:
        log = self.folder / "state" / "logs" / "poller.log"
        for to, said in (("off", "DETACHED"), ("on", "POLLING")):
            before = log.read_text().count(said)
            self.assertTrue(self.launcher.order(f"mapping {to} work")["ok"])
            self.assertEqual(log.read_text().count(said), before + 1)
            self.assertTrue(self.launcher.order(f"mapping {to} work")["ok"], "a second time it is nothing to wait for")

    def test_a_mapping_of_a_poller_that_is_stopped_can_be_switched(self) -> None:
        self.launcher.order("poller stop")
        self.assertTrue(self.launcher.order("mapping off work")["ok"])
        self.assertTrue(self.launcher.order("mapping on work")["ok"])
        self.launcher.order("poller start")

    def test_faults_can_be_ordered(self) -> None:
        invoke = Aws(self.endpoints["aws_endpoint_url"]).client("lambda").invoke
        self.assertEqual(self.launcher.order("fault fail work 1"), {"ok": True, "hits": {"fail work": 0}})
        self.assertIn("FunctionError", invoke(FunctionName="work", Payload=b"{}"))
        for order in ("fault hits", "fault clear"):
            self.assertEqual(self.launcher.order(order), {"ok": True, "hits": {"fail work": 1}})
        self.assertNotIn("FunctionError", invoke(FunctionName="work", Payload=b"{}"))

    def test_the_emulator_goes_on_with_what_it_knew(self) -> None:
        token = self.launcher.order("token before")["token"]
        before = self.endpoints["pids"]["emulator"]
        self.assertNotIn("emulator", self.launcher.order("emulator stop")["pids"])
        with self.assertRaises(urllib.error.URLError):
            self._status(token)
        self.endpoints["pids"] = self.launcher.order("emulator start")["pids"]
        self.assertNotEqual(self.endpoints["pids"]["emulator"], before)
        self.assertEqual(self._status(token), 200)

    def test_an_unknown_order_is_refused(self) -> None:
        for order in (
            "nonsense",
            "broker dance",
            "token",
            "broker kill now",
            "broker password nobody secret",
            "fault",
            "fault nonsense work 1",
            "fault fail work often",
            "mapping off",
            "mapping off nonsense",
        ):
            self.assertFalse(self.launcher.order(order)["ok"], order)

    def test_iam_is_enforced(self) -> None:
        aws = Aws(self.endpoints["aws_endpoint_url"])
        role = aws.client("lambda").get_function_configuration(FunctionName="api")["Role"]
        credentials = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        dynamodb = boto3.client(
            "dynamodb",
            endpoint_url=self.endpoints["aws_endpoint_url"],
            region_name=self.endpoints["region"],
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
        )
        with self.assertRaisesRegex(ClientError, "not authorized to perform: dynamodb:ListTables"):
            dynamodb.list_tables()


def _child(process: int) -> int:
    """A process that this one has started and that still runs."""
    threads = Path(f"/proc/{process}/task").glob("*/children")
    return int("".join(thread.read_text() for thread in threads).split()[0])


class Ends(Folder):
    def test_nothing_is_left_after_the_end_of_stdin(self) -> None:
        launcher = Launcher(self.folder / "state")
        launcher.endpoints()
        self.assertGreaterEqual(len(processes_of(launcher.state)), 3)
        self.assertEqual(launcher.end(), 0)
        self.assertEqual(processes_of(launcher.state), [])
        self.assertFalse((launcher.state / "endpoints.json").exists())

    def test_nothing_is_left_when_the_launcher_is_killed(self) -> None:
        launcher = Launcher(self.folder / "state")
        launcher.endpoints()
        launcher.process.kill()
        launcher.end()
        self.assertTrue(all_end(launcher.state), processes_of(launcher.state))

    def test_a_signal_during_the_start_ends_it(self) -> None:
        launcher = Launcher(self.folder / "state")
        while "deploying" not in launcher.said.read_text():
            time.sleep(0.05)
        launcher.process.terminate()
        launcher.end()
        self.assertEqual(processes_of(launcher.state), [])


class Failures(Folder):
    def _fails(self, launcher: Launcher) -> str:
        self.assertEqual(launcher.process.wait(timeout=120), 1)
        launcher.end()
        self.assertEqual(processes_of(launcher.state), [])
        return launcher.said.read_text()

    def test_a_resource_that_cannot_be_made_is_named(self) -> None:
        template = self.folder / "template.yaml"
        template.write_text(
            "Resources: {Wrong: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: '{{resolve:ssm:none}}'}}}"
        )
        said = self._fails(Launcher(self.folder / "state", template=template))
        self.assertRegex(said, "Wrong: .*could not be resolved")
        self.assertIn("deploy.log", said)

    def test_a_missing_template_says_how_to_build_it(self) -> None:
        said = self._fails(Launcher(self.folder / "state", template=self.folder / "none.yaml"))
        self.assertIn("make build", said)

    def test_an_unknown_parameter_is_refused(self) -> None:
        said = self._fails(Launcher(self.folder / "state", "--parameter", "Gretting=hello"))
        self.assertIn("has no parameter Gretting", said)

    def test_a_folder_with_other_files_is_left_alone(self) -> None:
        (self.folder / "precious").write_text("mine")
        launcher = Launcher(self.folder, template=TEMPLATE)
        self.assertIn("not this system's", self._fails(launcher))
        self.assertTrue((self.folder / "precious").exists())
