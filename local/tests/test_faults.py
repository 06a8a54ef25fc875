"""Faults to order: each hits what it names, as often as it says."""

import json
import os
import signal
import unittest
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from expedite_local import faults
from expedite_local.aws import REGION
from expedite_local.failure import Failure
from tests.emulation import TABLE, with_all_gaps_closed

_STOPPED = "Resources: {F: {Type: AWS::Serverless::Function, Properties: {FunctionName: stopped}}}"
_FUNCTION = "Resources: {F: {Type: AWS::Serverless::Function, Properties: {FunctionName: faulty}}}"


class Faults(unittest.TestCase):
    def setUp(self) -> None:
        self.emulator = with_all_gaps_closed()
        self.addCleanup(faults.clear, self.emulator.aws)

    def _order(self, kind: str, target: str, count: int) -> dict[str, int]:
        return faults.order(self.emulator.aws, kind, target, str(count))

    def _clear(self) -> dict[str, int]:
        return faults.clear(self.emulator.aws)


class Tables(Faults):
    @classmethod
    def setUpClass(cls) -> None:
        emulator = with_all_gaps_closed()
        cls.table = emulator.deploy("faults-table", TABLE)["Table"]
        # No retries: each call is one call.
        cls.dynamodb = boto3.client(
            "dynamodb",
            endpoint_url=emulator.aws.endpoint_url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def _put(self, key: str) -> None:
        self.dynamodb.put_item(TableName=self.table, Item={"pk": {"S": key}})

    def _has(self, key: str) -> bool:
        return "Item" in self.dynamodb.get_item(TableName=self.table, Key={"pk": {"S": key}})

    def _transact(self, key: str) -> None:
        put = {"TableName": self.table, "Item": {"pk": {"S": key}}}
        self.dynamodb.transact_write_items(TransactItems=[{"Put": put}])

    def test_a_refused_write_is_throttled_and_does_nothing_until_it_is_made_again(self) -> None:
        self._order("refuse", f"{self.table}/PutItem", 2)
        for key in ("first", "second"):
            with self.assertRaises(self.dynamodb.exceptions.ProvisionedThroughputExceededException):
                self._put(key)
            self.assertFalse(self._has(key))
            self._put(key)
            self.assertTrue(self._has(key))
        self._put("third")
        self.assertEqual(faults.hits(self.emulator.aws), {f"refuse {self.table}/PutItem": 2})

    def test_a_refused_transaction_is_cancelled_with_the_reason(self) -> None:
        self._order("refuse", f"{self.table}/TransactWriteItems", 1)
        with self.assertRaises(self.dynamodb.exceptions.TransactionCanceledException) as caught:
            self._transact("cancelled")
        (reason,) = caught.exception.response["CancellationReasons"]
        self.assertEqual(reason["Code"], "ThrottlingError")
        self.assertFalse(self._has("cancelled"))

    def test_a_write_whose_answer_gets_lost_is_done(self) -> None:
        for operation, write in (("PutItem", self._put), ("TransactWriteItems", self._transact)):
            self._order("lose", f"{self.table}/{operation}", 1)
            with self.assertRaises(self.dynamodb.exceptions.InternalServerError):
                write(operation)
            self.assertTrue(self._has(operation))

    def test_other_tables_and_operations_are_left_alone(self) -> None:
        self._order("refuse", "another/PutItem", 1)
        self._order("refuse", f"{self.table}/DeleteItem", 1)
        self._put("alone")
        self.assertEqual(set(self._clear().values()), {0})

    def test_what_is_left_of_a_fault_can_be_ended(self) -> None:
        target = f"{self.table}/PutItem"
        self._order("refuse", target, 100)
        with self.assertRaises(ClientError):
            self._put("ended")
        self.assertEqual(self._order("refuse", target, 0), {f"refuse {target}": 1})
        self._put("after its end")
        self._order("refuse", target, 100)
        self._clear()
        self._put("cleared")
        self.assertEqual(faults.hits(self.emulator.aws), {})


class Functions(Faults):
    def test_an_invocation_fails_and_the_function_does_not_see_it(self) -> None:
        function = self.emulator.deploy("faults-function", _FUNCTION)["F"]
        self._order("fail", function, 1)
        invoke = self.emulator.aws.client("lambda").invoke
        self.assertEqual(invoke(FunctionName=function, Payload=b'{"number": 1}').get("FunctionError"), "Unhandled")
        self.assertNotIn("FunctionError", invoke(FunctionName=function, Payload=b'{"number": 2}'))
        self.assertEqual(self.emulator.events_of(function), [{"number": 2}])
        self.assertEqual(self._clear(), {f"fail {function}": 1})

    def test_a_call_does_not_run_in_a_process_that_is_stopped(self) -> None:
        function = self.emulator.deploy("stopped-function", _STOPPED)["F"]
        stopped = self._process_of(function)
        self.assertEqual(self._process_of(function), stopped)
        os.kill(stopped, signal.SIGSTOP)
        self.addCleanup(os.kill, stopped, signal.SIGCONT)
        self.assertNotEqual(self._process_of(function), stopped)
        os.kill(stopped, signal.SIGCONT)
        self.assertEqual(self._process_of(function), stopped)

    def _process_of(self, function: str) -> int:
        invoke = self.emulator.aws.client("lambda").invoke
        return json.load(invoke(FunctionName=function, Payload=b'{"tell": "process"}')["Payload"])


class Orders(Faults):
    def test_a_fault_that_does_not_exist_is_refused(self) -> None:
        with self.assertRaisesRegex(Failure, "no such fault: nonsense"):
            self._order("nonsense", "table/PutItem", 1)
        with self.assertRaisesRegex(Failure, "no number"):
            faults.order(self.emulator.aws, "fail", "f", "many")

    def test_the_emulators_own_settings_are_still_to_be_had(self) -> None:
        request = urllib.request.Request(f"{self.emulator.aws.endpoint_url}/_ministack/config", b"{}", method="POST")
        with urllib.request.urlopen(request) as answer:
            self.assertEqual(json.load(answer), {"applied": {}})
