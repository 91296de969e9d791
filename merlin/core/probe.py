"""`merlin health NAME`, and the file by which a process shows every second that it lives.

Probes run for every process every ten seconds, and the whole command line takes half a second of
processor time to import. So `__main__` answers them from here, and this module imports nothing but
the standard library and PyYAML. What else may be wrong is told by `merlin doctor` and the metrics.
"""

import os
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

PROCESSES = "daemon", "bot", "api", "engine"
# As WatchdogSec of the systemd units: a restart may help then.
SILENT_AFTER_S = 30
_LOCALE = Path(__file__).parents[1] / "locale"

# A text's key and its arguments.
Problem = tuple[str, Mapping[str, object]]


class LifeSigns:
    """The file `state_dir/run/NAME.alive` of this process, touched by a thread of its own.

    A frozen disk would stop an event loop that touched it itself. Does nothing until `shown`.
    """

    def __init__(self) -> None:
        self._is_due = threading.Event()

    @contextmanager
    def shown(self, state_dir: Path, process: str) -> Iterator[None]:
        """Show the signs of a process within this context; afterwards it is known as ended."""
        path = _sign_path(state_dir, process)
        threading.Thread(target=self._touch, args=(path,), daemon=True).start()
        try:
            yield
        finally:
            with suppress(OSError):
                path.unlink()

    def show_alive(self) -> None:
        """Show that this process lives."""
        self._is_due.set()

    def _touch(self, path: Path) -> None:
        while self._is_due.wait():
            self._is_due.clear()
            with suppress(OSError):
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.touch()


LIFE_SIGNS = LifeSigns()


def _sign_path(state_dir: Path, process: str) -> Path:
    return state_dir / "run" / f"{process}.alive"


def find_problem(state_dir: Path, process: str) -> Problem | None:
    """Return why a restart of a process may help, None if it lives. Raises OSError."""
    try:
        silent_s = time.time() - _sign_path(state_dir, process).stat().st_mtime
    except FileNotFoundError:
        return "unhealthy-not-running", {}
    if silent_s >= SILENT_AFTER_S:
        return "unhealthy-silent-for", {"seconds": int(silent_s)}
    if silent_s <= -SILENT_AFTER_S:
        return "unhealthy-sign-ahead", {"seconds": int(-silent_s)}
    return None


def report_health(state_dir: Path, process: str) -> int:
    """Print whether a process lives; return the exit code."""
    problem = find_problem(state_dir, process)
    if problem is None:
        line = _text("health-good", process=process)
    else:
        key, arguments = problem
        line = _text("health-bad", process=process, reason=_text(key, **arguments))
    print(line, file=sys.stderr)  # noqa: T201 - a message of a command
    return 1 if problem else 0


def run(arguments: Sequence[str]) -> int | None:
    """Run `merlin health` with these arguments; return its exit code.

    None if the command line has to run it: it explains wrong usage and a wrong configuration.
    """
    path = os.environ.get("MERLIN_CONFIG") or "config.yaml"
    match arguments:
        case [name]:
            pass
        case [name, "--config", path]:
            pass
        case _:
            return None
    if name not in PROCESSES:
        return None
    import yaml  # noqa: PLC0415 - other commands need the rest of this module alone

    try:
        document = yaml.load(Path(path).read_bytes(), yaml.CSafeLoader)
        os.environ.setdefault("MERLIN_LANGUAGE", str(document.get("language", "ru")))
        folder = Path(path).resolve().parent / Path(document["state_dir"]).expanduser()
        return report_health(folder.resolve(), name)
    except (
        OSError,
        RuntimeError,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,  # no map
        yaml.YAMLError,
    ):
        return None


def locale_language() -> str:
    """Return the language code that the environment sets, or "" if it sets none.

    As in POSIX, the first non-empty variable wins. The locales C and POSIX mean no language.
    """
    names = ("MERLIN_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
    locale = next((value for name in names if (value := os.environ.get(name))), "")
    code = re.split(r"[_.@-]", locale, maxsplit=1)[0].lower()
    return "" if code in ("c", "posix") else code


def _text(key: str, **arguments: object) -> str:
    """Return a text of one line without plurals: Fluent takes 0.15 s to import."""
    language = "ru" if locale_language() == "ru" else "en"
    source = (_LOCALE / language / "doctor.ftl").read_text("utf-8")
    (found,) = re.findall(rf"^{key} = (.*)$", source, re.MULTILINE)
    return re.sub(r"\{ \$(\w+) \}", lambda each: str(arguments[each[1]]), found)
