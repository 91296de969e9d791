"""The demo's story on the terminal: each step as it happens, a line a step."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from merlin.config import Config
from merlin.core.errors import MerlinError
from merlin.core.text import text
from merlin.sandbox.demo.place import FOLDER, Place
from merlin.sandbox.demo.steps import STEPS, newest
from merlin.wiring.reading import reports

_MARKS = {"done": "✔", "flawed": "!", "held": "–", "failed": "✘"}
_BAR = 10


class Story:
    """Tells what changed since it last looked; on a terminal the running step is redrawn."""

    def __init__(self, config: Config, language: str, out: TextIO = sys.stdout) -> None:
        self._config = config
        self.language = language
        self._out = out
        self._told: set[tuple[str, ...]] = set()
        self._is_drawn = False

    def say(self, key: str, **arguments: object) -> None:
        """Tell one sentence."""
        self._line(text(self.language, key, **arguments))

    def reason(self, error: MerlinError) -> str:
        """Return an error in the story's language."""
        return text(self.language, error.key, **error.arguments)

    def look(self) -> Mapping[str, Any] | None:
        """Tell the newest commit's steps; return its way, None before the first."""
        try:
            with reports(self._config) as rows:
                way = newest(rows, self._config.default_dataset, self.language)
        except MerlinError:
            return None  # the daemon has not made the database yet
        if not way["commit"]:
            return None
        for step in way["steps"]:
            self._tell(way, step)
        return way

    def _tell(self, way: Mapping[str, Any], step: Mapping[str, str]) -> None:
        if step["state"] == "now":
            self._draw(way, step)
            return
        key = (way["commit"], way["dataset"], step["key"], step["state"])
        if step["state"] not in _MARKS or key in self._told:
            return
        self._told.add(key)
        self._line(f"{_MARKS[step['state']]} {self._name(step)}")

    def _name(self, step: Mapping[str, str]) -> str:
        name = text(self.language, f"demo-step-{step['key']}")
        return f"{name}: {step['note']}" if step["note"] else name

    def _draw(self, way: Mapping[str, Any], step: Mapping[str, str]) -> None:
        """Redraw the running step with a bar of how far its job is; only on a terminal."""
        if not self._out.isatty():
            return
        share = way["progress"] if step["key"] == STEPS[3] and way["progress"] else 0.0
        bar = "█" * round(_BAR * share) + "░" * (_BAR - round(_BAR * share))
        self._out.write(f"\r\x1b[K  {bar} {self._name(step)}")
        self._out.flush()
        self._is_drawn = True

    def _line(self, words: str) -> None:
        self._out.write("\r\x1b[K" if self._is_drawn else "")
        self._out.write(words + "\n")
        self._out.flush()
        self._is_drawn = False


def addresses(place: Place, story: Story) -> None:
    """Tell where the demo is to be found."""
    story.say("demo-chat", url=place.chat_url)
    story.say("demo-try", question=place.script.question)
    story.say("demo-till", url=place.till_url)
    story.say("demo-api", url=f"http://127.0.0.1:{place.ports.api}/")
    story.say("demo-engine", url=f"http://127.0.0.1:{place.ports.engine}/v1")
    story.say("demo-repository", path=near(place.repository))
    story.say("demo-commands", merlin=command(), path=near(place.config))


def command() -> str:
    """Return how this very program is called from the shell that it was started in."""
    called, known = Path(sys.argv[0]), shutil.which("merlin")
    is_known = known is not None and called.exists() and called.samefile(known)
    return "merlin" if is_known or called.name != "merlin" else near(called.absolute())


def anew(place: Place) -> str:
    """Return the command that begins this demo anew."""
    is_usual = place.folder == FOLDER.absolute()
    return f"{command()} demo --fresh" + ("" if is_usual else f" --state {near(place.folder)}")


def near(path: Path) -> str:
    """Return a path as seen from here, where it lies below."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
