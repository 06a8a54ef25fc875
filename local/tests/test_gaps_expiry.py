"""An item that expires, as the stream sees it. In process: MiniStack looks for expired items once a minute."""

import threading
import types
import unittest
from unittest import mock

from ministack.core.responses import request_scope
from ministack.services import dynamodb

from emulator import table
from tests.emulation import shown

_TABLE = {
    "TableName": "expiring",
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
}
_TTL = {"TableName": "expiring", "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True}}
_ITEM = {"pk": {"S": "old"}, "expires_at": {"N": "1"}}


class Expiry(unittest.TestCase):
    def setUp(self) -> None:
        self.enterContext(request_scope("000000000000", "us-east-1"))
        dynamodb._create_table(_TABLE)
        dynamodb._update_ttl(_TTL)
        dynamodb._put_item({"TableName": "expiring", "Item": _ITEM})
        self.addCleanup(dynamodb._delete_table, {"TableName": "expiring"})
        # Puts MiniStack's own function back after the test.
        self.enterContext(mock.patch.object(dynamodb, "_remove_item", dynamodb._remove_item))

    def test_an_expired_item_is_removed_on_the_stream(self) -> None:
        table.put_expired_items_on_the_stream()
        _reap()
        removal = dynamodb.stream_live_records("expiring")[-1]
        self.assertEqual(removal["eventName"], "REMOVE")
        self.assertEqual(removal["dynamodb"]["OldImage"], _ITEM)
        self.assertEqual(removal["userIdentity"], {"type": "Service", "principalId": "dynamodb.amazonaws.com"})

    def test_without_the_gap_closed_it_only_vanishes(self) -> None:
        _reap()
        self.assertEqual([record["eventName"] for record in dynamodb.stream_live_records("expiring")], ["INSERT"])

    def test_a_deletion_by_a_caller_is_not_taken_for_an_expiry(self) -> None:
        table.put_expired_items_on_the_stream()
        dynamodb._delete_item({"TableName": "expiring", "Key": {"pk": {"S": "old"}}})
        self.assertEqual(
            [record["eventName"] for record in dynamodb.stream_live_records("expiring")], ["INSERT", "REMOVE"]
        )


shown.add("ttl-on-stream")


def _reap() -> None:
    """One round of MiniStack's own reaper, whose minute of sleep passes at once."""
    naps = iter([None])

    def sleep(_seconds: float) -> None:
        if next(naps, "second") == "second":
            raise SystemExit

    with mock.patch.object(dynamodb, "time", types.SimpleNamespace(sleep=sleep, time=dynamodb.time.time)):
        thread = threading.Thread(target=dynamodb._ttl_reaper, name=table.TTL_THREAD)
        thread.start()
        thread.join()
