"""Starts MiniStack with its gaps closed, faults to order, and a record of the grants that were used."""

import os
from importlib.metadata import version

from ministack.app import main

from emulator import faults, gaps, grants


def start() -> None:
    found = version("ministack")
    if found != gaps.MINISTACK_VERSION:
        raise SystemExit(f"the gaps are those of MiniStack {gaps.MINISTACK_VERSION}, not of {found}")
    gaps.close_all(leave_open=[name for name in os.environ.get("EXPEDITE_WITHOUT", "").split(",") if name])
    faults.install()
    grants.install()
    main()


start()
