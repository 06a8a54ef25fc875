"""The folder of one running system: its logs, its broker's store, its certificates."""

import fcntl
import shutil
from pathlib import Path

from expedite_local.failure import Failure


class State:
    """Fresh at each start, and held by one launcher at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        marker = self.folder / "launcher.lock"
        if not marker.exists() and any(self.folder.iterdir()):
            raise Failure(f"{self.folder} holds files that are not this system's.", advice="Give another --state.")
        self._lock = marker.open("a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(
                f"Another system runs in {self.folder}.", advice="End it, or give this one another --state."
            ) from None
        for entry in self.folder.iterdir():
            if entry == marker:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def subfolder(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir(exist_ok=True)
        return path

    def log(self, name: str) -> Path:
        return self.subfolder("logs") / f"{name}.log"

    def release(self) -> None:
        """Lets another launcher have the folder."""
        self._lock.close()
