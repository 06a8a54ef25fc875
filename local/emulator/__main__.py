"""Starts MiniStack with its gaps closed."""

import os
from importlib.metadata import version

from ministack.app import main

# Importing a module registers its gaps.
from emulator import (  # noqa: F401
    broker,
    execution,
    function_settings,
    gaps,
    http_api,
    iam,
    mq_mapping,
    secret,
    stream_mapping,
    table,
    websocket,
)


def start() -> None:
    found = version("ministack")
    if found != gaps.MINISTACK_VERSION:
        raise SystemExit(f"the gaps are those of MiniStack {gaps.MINISTACK_VERSION}, not of {found}")
    gaps.close_all(leave_open=[name for name in os.environ.get("EXPEDITE_WITHOUT", "").split(",") if name])
    main()


start()
