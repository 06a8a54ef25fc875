"""Streams of tables: what happens when the function fails, and when an item expires."""

import json
import time
import unittest

from tests.emulation import TABLE, Emulator, shows

_STREAM = (
    TABLE
    + """          StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}
      F:
        Type: AWS::Serverless::Function
        Properties: {FunctionName: !Sub '${AWS::StackName}-f'}
      Mapping:
        Type: AWS::Lambda::EventSourceMapping
        Properties:
          FunctionName: !Ref F
          EventSourceArn: !GetAtt Table.StreamArn
          StartingPosition: TRIM_HORIZON
          BatchSize: 10
"""
)

_ON_FAILURE = """
          MaximumRetryAttempts: 2
          DestinationConfig: {OnFailure: {Destination: !GetAtt Failures.Arn}}
      Failures: {Type: AWS::SQS::Queue}
"""


def _put(emulator: Emulator, table: str, key: str, order: str) -> None:
    item = {"pk": {"S": key}, "do": {"S": order}}
    emulator.aws.client("dynamodb").put_item(TableName=table, Item=item)


def _put_one_batch(emulator: Emulator, made: dict[str, str], *items: tuple[str, str]) -> None:
    """Writes (key, order) pairs while the mapping is disabled, so that it reads them together.

    A transaction would not do: the emulator puts its records on the stream one after the other, and a look in between
    sees a part.
    """
    functions = emulator.aws.client("lambda")
    (mapping,) = functions.list_event_source_mappings(FunctionName=made["F"])["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    for key, order in items:
        _put(emulator, made["Table"], key, order)
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


def _batches(emulator: Emulator, function: str) -> list[list[str]]:
    """The keys of each batch that the function was given."""
    return [
        [record["dynamodb"]["Keys"]["pk"]["S"] for record in event["Records"]] for event in emulator.events_of(function)
    ]


class Failures(unittest.TestCase):
    @shows("stream-failures", without="the retry has not come")
    def test_a_reported_record_is_tried_again_and_those_before_it_are_not(self, emulator: Emulator) -> None:
        made = emulator.deploy("report", _STREAM + "          FunctionResponseTypes: [ReportBatchItemFailures]\n")
        _put_one_batch(emulator, made, ("a", "go"), ("b", "report"), ("c", "go"))
        emulator.wait_for(lambda: len(_batches(emulator, made["F"])) > 2, "the retry")
        batches = _batches(emulator, made["F"])
        self.assertEqual(batches[:3], [["a", "b", "c"], ["b", "c"], ["b", "c"]])
        _put(emulator, made["Table"], "b", "go")  # a new record: the old one fails for ever

    @shows("stream-failures", without="the failed batch has not come")
    def test_a_batch_is_given_up_after_its_retries(self, emulator: Emulator) -> None:
        made = emulator.deploy("give-up", _STREAM + _ON_FAILURE)
        _put(emulator, made["Table"], "a", "raise")
        self._check_given_up(emulator, made["Failures"], 1)
        self.assertEqual(_batches(emulator, made["F"]), [["a"]] * 3)
        _put(emulator, made["Table"], "b", "go")
        emulator.wait_for(lambda: ["b"] in _batches(emulator, made["F"]), "the next record")

    @shows("stream-failures", without="the failed batch has not come")
    def test_a_failing_batch_is_split_until_the_poison_is_alone(self, emulator: Emulator) -> None:
        made = emulator.deploy("bisect", _STREAM + "          BisectBatchOnFunctionError: true" + _ON_FAILURE)
        keys = [f"k{number}" for number in range(8)]
        _put_one_batch(emulator, made, *((key, "raise" if key == "k5" else "go") for key in keys))
        self._check_given_up(emulator, made["Failures"], 1)
        emulator.wait_for(lambda: "k7" in (_batches(emulator, made["F"]) or [[]])[-1], "the rest")
        passed = {key for batch in _batches(emulator, made["F"]) if "k5" not in batch for key in batch}
        self.assertEqual(passed, set(keys) - {"k5"})
        self.assertEqual(_batches(emulator, made["F"]).count(["k5"]), 3)

    def _check_given_up(self, emulator: Emulator, queue_url: str, records: int) -> None:
        sqs = emulator.aws.client("sqs")
        found: list[dict] = []

        def given_up() -> bool:
            found.extend(sqs.receive_message(QueueUrl=queue_url).get("Messages", []))
            return bool(found)

        emulator.wait_for(given_up, "the failed batch")
        envelope = json.loads(found[0]["Body"])
        self.assertEqual(envelope["requestContext"]["condition"], "RetryAttemptsExhausted")
        self.assertEqual(envelope["DDBStreamBatchInfo"]["batchSize"], records)


class Threads(unittest.TestCase):
    @shows("stream-threads", without="not less than")
    def test_a_slow_function_does_not_delay_another_stream(self, emulator: Emulator) -> None:
        slow, quick = emulator.deploy("slow", _STREAM), emulator.deploy("quick", _STREAM)
        for made in (slow, quick):  # both functions are warm
            _put(emulator, made["Table"], "first", "go")
            emulator.wait_for(lambda: bool(_batches(emulator, made["F"])), "the first record")  # noqa: B023
        _put(emulator, slow["Table"], "a", "sleep")
        emulator.wait_for(lambda: len(_batches(emulator, slow["F"])) == 2, "the slow function's call")
        started = time.monotonic()
        _put(emulator, quick["Table"], "b", "go")
        emulator.wait_for(lambda: len(_batches(emulator, quick["F"])) == 2, "the quick function's call")
        self.assertLess(time.monotonic() - started, 1)
