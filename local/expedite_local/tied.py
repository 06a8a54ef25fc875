"""Runs a command that must not outlive its parent: ``python -m expedite_local.tied PARENT COMMAND...``.

The launcher ends what it started when it ends; this is for the case that it is killed and can't.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    if sys.platform == "linux":
        # Survives the exec below, and the process id stays the same.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(sys.argv[1]):
            sys.exit(1)  # the parent was gone before the line above
    os.execvp(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
