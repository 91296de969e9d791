"""`merlin health NAME`, and the files by which a process shows every second that it lives.

Probes run for every process every ten seconds, and the whole command line takes half a second of
processor time to import. So `__main__` answers them from here, and this module imports nothing but
the standard library and PyYAML.
"""

import json
import os
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

PROCESSES = "daemon", "bot", "api", "engine"
SILENT_AFTER_S = 10
# As WatchdogSec of the systemd units: a restart may help then.
DEAD_AFTER_S = 30
# The longest call writes that much: with less room the next write may fail.
MIN_FREE_BYTES = 8 << 20
_LOCALE = Path(__file__).parents[1] / "locale"

# A text's key and its arguments.
Problem = tuple[str, Mapping[str, object]]


class LifeSigns:
    """The two files of this process in `state_dir/run`, written by a thread of their own.

    A frozen disk would stop an event loop that wrote them itself. Does nothing until `shown`.
    """

    def __init__(self) -> None:
        self._is_due = threading.Event()
        self._failing: Mapping[str, str] | None = None

    @contextmanager
    def shown(self, state_dir: Path, process: str) -> Iterator[None]:
        """Show the signs of a process within this context; afterwards it is known as ended."""
        alive, stored = _paths(state_dir, process)
        thread = threading.Thread(target=self._write, args=(alive, stored), daemon=True)
        thread.start()
        try:
            yield
        finally:
            with suppress(OSError):
                alive.unlink()

    def show_alive(self) -> None:
        """Show that this process lives."""
        self._is_due.set()

    def show_stored(self, failing: Mapping[str, str]) -> None:
        """Show that the database took its heartbeat; `failing` maps steps to their reasons."""
        self._failing = dict(failing)
        self._is_due.set()

    def _write(self, alive: Path, stored: Path) -> None:
        while self._is_due.wait():
            self._is_due.clear()
            failing, self._failing = self._failing, None
            with suppress(OSError):  # a full disk, which probes see themselves
                alive.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                alive.touch()
                if failing is not None:
                    stored.write_text(json.dumps(failing), "utf-8")


LIFE_SIGNS = LifeSigns()


def _paths(state_dir: Path, process: str) -> tuple[Path, Path]:
    folder = state_dir / "run"
    return folder / f"{process}.alive", folder / f"{process}.stored"


def find_problem(state_dir: Path, process: str, *, only_alive: bool) -> Problem | None:
    """Return why a process is unhealthy, None if it is healthy or cannot be judged.

    With `only_alive`, only what a restart may help against. Raises OSError.
    """
    alive, stored = _paths(state_dir, process)
    if (trouble := _disk_trouble(state_dir)) is not None:  # no sign can be written either
        return None if only_alive else trouble
    silent_s = _age_s(alive)
    if silent_s is None:
        return "unhealthy-not-running", {}
    if silent_s >= (DEAD_AFTER_S if only_alive else SILENT_AFTER_S):
        return "unhealthy-silent-for", {"seconds": int(silent_s)}
    if only_alive or process == "engine":  # which has no heartbeat in the database
        return None
    unstored_s = _age_s(stored)
    if unstored_s is None or unstored_s >= SILENT_AFTER_S:
        return "unhealthy-database", {}
    failing = json.loads(stored.read_text("utf-8") or "{}")
    step, reason = next(iter(failing.items()), ("", ""))
    return ("unhealthy-failing", {"step": step, "reason": reason}) if step else None


def _age_s(path: Path) -> float | None:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return None


def _disk_trouble(folder: Path) -> Problem | None:
    try:
        disk = os.statvfs(folder)
    except FileNotFoundError:
        return None
    if disk.f_flag & os.ST_RDONLY:
        return "store-read-only", {}
    if disk.f_bavail * disk.f_frsize < MIN_FREE_BYTES:
        return "store-no-room", {"folder": folder}
    return None


def report_health(state_dir: Path, process: str, *, only_alive: bool) -> int:
    """Print whether a process is healthy; return the exit code."""
    problem = find_problem(state_dir, process, only_alive=only_alive)
    if problem is None:
        line = _text("health-good", process=process)
    else:
        key, arguments = problem
        line = _text("health-bad", process=process, reason=_text(key, **arguments))
    # A reason may contain what an exception quoted.
    line = "".join(character for character in " ".join(line.split()) if character.isprintable())
    print(line, file=sys.stderr)  # noqa: T201 - a message of a command
    return 1 if problem else 0


def run(arguments: Sequence[str]) -> int | None:
    """Run `merlin health` with these arguments; return its exit code.

    None if the command line has to run it: it explains wrong usage and a wrong configuration.
    """
    names, only_alive = list[str](), False
    path = os.environ.get("MERLIN_CONFIG") or "config.yaml"
    words = iter(arguments)
    for word in words:
        if word == "--alive":
            only_alive = True
        elif word == "--config":
            path = next(words, "")
        elif word.startswith("--config="):
            path = word.removeprefix("--config=")
        else:
            names.append(word)
    if len(names) != 1 or names[0] not in PROCESSES:
        return None
    import yaml  # noqa: PLC0415 - other commands need the rest of this module alone

    try:
        document = yaml.load(Path(path).read_bytes(), yaml.CSafeLoader)
        os.environ.setdefault("MERLIN_LANGUAGE", str(document.get("language", "ru")))
        folder = Path(path).resolve().parent / Path(document["state_dir"]).expanduser()
        return report_health(folder.resolve(), names[0], only_alive=only_alive)
    except (OSError, RuntimeError, ValueError, TypeError, LookupError, yaml.YAMLError):
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
    for name in ("doctor", "store"):
        source = (_LOCALE / language / f"{name}.ftl").read_text("utf-8")
        if found := re.search(rf"^{key} = (.*)$", source, re.MULTILINE):
            return re.sub(r"\{ \$(\w+) \}", lambda each: str(arguments[each[1]]), found[1])
    raise KeyError(key)
