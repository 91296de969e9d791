"""Run the demo: lay out its folder, start its processes, tell the story, stay or judge."""

from __future__ import annotations

import json
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from merlin.config import Config, load
from merlin.core.errors import MerlinError
from merlin.sandbox.demo.actors import answers_at
from merlin.sandbox.demo.check import check
from merlin.sandbox.demo.place import Place, Ports, lay_out
from merlin.sandbox.demo.repository import make
from merlin.sandbox.demo.story import Story, addresses
from merlin.supervisor import Child, Supervisor

LOOKS = 4  # one look at the database in so many looks at the children


def run_demo(folder: Path, first_port: int, language: str) -> int:
    """Show everything on this machine until Ctrl-C; return the exit code."""
    place = lay_out(folder, Ports.from_first(first_port))
    story, _ = _begin(place, language)
    state = {"looks": 0, "is_up": False}

    def while_up() -> bool:
        state["looks"] += 1
        if state["looks"] % LOOKS:
            return True
        way = story.look()
        if not state["is_up"] and way and way["serving"] and answers_at(place.chat_url):
            addresses(place, story)
            state["is_up"] = True
        return True

    with place.logs.open("ab") as logs:
        code = Supervisor(_children(place), logs).run(while_up)
    story.say("demo-stopped", folder=str(place.folder))
    return code


def run_check(folder: Path | None, language: str) -> int:
    """Walk the whole road once; return the exit code. Without a folder in a temporary one."""
    if folder is not None:
        return _checked(folder, language)
    with tempfile.TemporaryDirectory(prefix="merlin-demo-") as temporary:
        return _checked(Path(temporary), language)


def _checked(folder: Path, language: str) -> int:
    place = lay_out(folder, Ports.free())
    story, config = _begin(place, language)
    result: dict[str, object] = {}
    walk = threading.Thread(target=_walk, args=(lambda: check(place, config, story), result))
    with place.logs.open("ab") as logs:
        supervisor = Supervisor(_children(place), logs)
        walk.start()
        supervisor.run(walk.is_alive)
        walk.join()
    if result.get("ok"):
        sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
        return 0
    _tell_failure(place, story, result)
    return 1


def _walk(check: Callable[[], Mapping[str, object]], result: dict[str, object]) -> None:
    try:
        result.update(check())
    except MerlinError as error:
        result["error"] = str(error)
    except Exception as error:  # noqa: BLE001 - told below, with the children's logs
        result["error"] = repr(error)


def _tell_failure(place: Place, story: Story, result: Mapping[str, object]) -> None:
    story.say("demo-failed", reason=str(result.get("error", "stopped")))
    lines = place.logs.read_text(encoding="utf-8", errors="replace").splitlines()
    worst = [line for line in lines if '"level": "error"' in line or "Traceback" in line]
    sys.stderr.write("\n".join((worst or lines)[-20:]) + "\n")
    sys.stdout.write(json.dumps({"ok": False, **result}, ensure_ascii=False) + "\n")


def _begin(place: Place, language: str) -> tuple[Story, Config]:
    config = load(place.config)
    story = Story(config, language)
    make(place.repository, "Добавь учебные наборы")
    story.say("demo-begins", folder=str(place.folder))
    return story, config


def _children(place: Place) -> list[Child]:
    at = ["--config", str(place.config)]
    ports = place.ports
    stage = ["stage", *at, str(ports.chat), str(ports.model), str(ports.way)]
    names = ("engine", "daemon", "bot", "api")
    processes = [Child(name, [name, *at]) for name in names]
    return [Child("stage", stage), *processes]
