"""The register of gaps: each closes one difference between MiniStack and AWS."""

import importlib
from collections.abc import Callable, Collection

#: The version whose gaps these are; another one has to be looked at anew.
MINISTACK_VERSION = "1.5.33"

#: The modules of this package that have gaps to register.
_MODULES = (
    "alarms",
    "broker",
    "execution",
    "function_settings",
    "http_api",
    "iam",
    "mq_mapping",
    "network",
    "secret",
    "stream_mapping",
    "table",
    "websocket",
)

_GAPS: dict[str, Callable[[], None]] = {}


def gap(name: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Registers a function that closes the gap called ``name`` by changing MiniStack's modules in place."""

    def register(close: Callable[[], None]) -> Callable[[], None]:
        if name in _GAPS:
            raise ValueError(f"two gaps are called {name}")
        _GAPS[name] = close
        return close

    return register


def names() -> list[str]:
    """All gaps, in the order in which they are closed."""
    for module in _MODULES:
        importlib.import_module(f"emulator.{module}")
    return list(_GAPS)


def close_all(leave_open: Collection[str] = ()) -> None:
    """Closes every gap but those named in ``leave_open``."""
    known = names()
    unknown = set(leave_open) - set(known)
    if unknown:
        raise ValueError(f"no such gap: {', '.join(sorted(unknown))}")
    for name in known:
        if name not in leave_open:
            _GAPS[name]()
