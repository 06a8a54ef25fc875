"""How a start fails: what happened, where to read on, what to do."""

from pathlib import Path


class Failure(Exception):
    """Told to the user as it is: no traceback, but the log of the part that failed."""

    def __init__(self, what: str, *, log: Path | None = None, advice: str = "") -> None:
        super().__init__(what)
        self.log = log
        self.advice = advice

    def __str__(self) -> str:
        lines = [super().__str__()]
        if self.log is not None:
            lines += [f"The last lines of {self.log}:", *(f"  | {line}" for line in _last_lines(self.log))]
        if self.advice:
            lines.append(self.advice)
        return "\n".join(lines)


def _last_lines(log: Path, count: int = 15) -> list[str]:
    try:
        return log.read_text(errors="replace").splitlines()[-count:]
    except OSError:
        return ["(no log)"]
