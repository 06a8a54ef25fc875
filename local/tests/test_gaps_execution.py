"""What a call of a function costs beside the function."""

import time
import unittest

from tests.emulation import Emulator, shows

_FUNCTION = "Resources: {F: {Type: AWS::Serverless::Function}}"


def _quickest_call(emulator: Emulator, function: str) -> float:
    """Milliseconds of the quickest of many warm calls: noise of the machine only ever adds."""
    awslambda = emulator.aws.client("lambda")
    took = []
    for _ in range(20):
        started = time.perf_counter()
        awslambda.invoke(FunctionName=function, Payload=b"{}")
        took.append((time.perf_counter() - started) * 1000)
    return min(took)


class Calls(unittest.TestCase):
    @shows("runtime-api-nagle", without="not less than 35")
    def test_the_runtime_api_answers_at_once(self, emulator: Emulator) -> None:
        made = emulator.deploy("nagle", _FUNCTION)
        self.assertLess(_quickest_call(emulator, made["F"]), 35)

    @shows("log-wait", without="not less than 35")
    def test_a_call_does_not_wait_for_logs(self, emulator: Emulator) -> None:
        made = emulator.deploy("log-wait", _FUNCTION)
        self.assertLess(_quickest_call(emulator, made["F"]), 35)
