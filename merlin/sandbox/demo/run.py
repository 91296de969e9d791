"""Run the demo: lay out its folder, start its processes, tell the story, stay or judge.

The stand-ins are one process: Telegram with its chat page, whose right side shows how far the
newest commit is, a chat model, and YooKassa with its payment page.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from functools import partial
from itertools import count
from pathlib import Path

from merlin.account.users import User, Users
from merlin.app import users
from merlin.app.actor import Actor
from merlin.config import Config, credential, load
from merlin.config.shop import YooKassaConfig
from merlin.core.errors import MerlinError
from merlin.core.permissions import Role
from merlin.sandbox.demo.check import Demo, LoraTraining, answers_at, check, check_lora
from merlin.sandbox.demo.front import FrontPage
from merlin.sandbox.demo.place import Place, Ports, make, prepare_demo
from merlin.sandbox.demo.story import Story, addresses, read_progress, restart_command
from merlin.sandbox.provider.app import ProviderStandIn
from merlin.sandbox.telegram.server import TelegramStandIn
from merlin.sandbox.telegram.world import BORIS, people_of
from merlin.sandbox.yookassa.server import YooKassaStandIn
from merlin.supervisor import Child, Supervisor
from merlin.wiring.context import writing_context

# So slowly does the chat model write, as a real one does: an answer grows, and can be stopped.
WORD_S = 0.03
LOOKS = 4  # one look at the database in so many looks at the children


def run_demo(
    folder: Path,
    first_port: int,
    language: str,
    weights: Path | None = None,
    *,
    is_grounded: bool = False,
) -> int:
    """Show everything on this machine until Ctrl-C; return the exit code.

    With the `weights` of a language model it is taught too; `is_grounded`: answers are composed
    from the course where the model does not know. Where the front page wants it, the
    demo is removed, and this process begins as another one.
    """
    ports = Ports.from_first(first_port)
    with _begin(folder, ports, language, weights, is_grounded=is_grounded) as (demo, supervisor):
        place, story = demo.place, demo.story
        if weights:
            threading.Thread(target=_teach, args=(demo, weights), daemon=True).start()
        watching = _watch(demo, supervisor)
        code = supervisor.run(lambda: next(watching))
        requested = place.start_over_file.read_text() if place.start_over_file.exists() else ""
        if code:
            story.say("demo-failed", reason=_last_log_message(place))
        if not requested:
            story.say("demo-stopped", folder=str(place.folder), again=restart_command(place))
    if requested:
        begun = [sys.executable, "-m", "merlin", *sys.argv[1:], "--fresh"]
        os.execve(sys.executable, begun, {**os.environ, "MERLIN_LANGUAGE": requested})  # noqa: S606
    return code


def _watch(demo: Demo, supervisor: Supervisor) -> Iterator[bool]:
    """Tell what is new at every look; False: the front page wants the demo to start over."""
    restarts, is_up = dict.fromkeys((child.name for child in _children(demo.place)), 0), False
    for look in count(1):
        if look % LOOKS == 0:
            for child, before in restarts.items():
                times = supervisor.restarts(child)
                if times >= max(1, 2 * before):  # each time more rarely: the 1st, 2nd, 4th, 8th
                    logs = str(demo.place.logs)
                    demo.story.say("demo-restarted", child=child, times=times, logs=logs)
                    restarts[child] = times
            if not is_up and answers_at(demo.place.front_url):
                addresses(demo.place, demo.story)
                is_up = True
            demo.story.look()
        yield not demo.place.start_over_file.exists()


def _teach(demo: Demo, weights: Path) -> None:
    """Teach the language model beside the demo, which goes on without one."""
    try:
        LoraTraining(demo).run(weights)
    except MerlinError as error:
        demo.story.say("demo-lora-failed", reason=demo.story.reason(error))


def run_check(folder: Path | None, language: str, weights: Path | None = None) -> int:
    """Walk the whole road once; return the exit code. Without a folder in a temporary one."""
    with (
        tempfile.TemporaryDirectory(prefix="merlin-demo-") as temporary,
        _begin(folder or Path(temporary), Ports.free(), language, weights) as (demo, supervisor),
    ):
        result: dict[str, object] = {}
        walk = threading.Thread(target=_walk, args=(demo, weights, result), daemon=True)
        walk.start()
        supervisor.run(walk.is_alive)
        if walk.is_alive():  # a child cannot start, or somebody stopped us: no use in waiting
            result["error"] = _last_log_message(demo.place)
        if result.get("ok"):
            sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
            return 0
        demo.story.say("demo-failed", reason=str(result.get("error", "stopped")))
        lines = _log_lines(demo.place)
        worst = [line for line in lines if '"level": "error"' in line or "Traceback" in line]
        sys.stderr.write("\n".join((worst or lines)[-20:]) + "\n")
        sys.stdout.write(json.dumps({"ok": False, **result}, ensure_ascii=False) + "\n")
        return 1


def _walk(demo: Demo, weights: Path | None, result: dict[str, object]) -> None:
    try:
        result.update({**check(demo), **(check_lora(demo, weights) if weights else {})})
    except MerlinError as error:
        result["error"] = demo.story.reason(error)
    except Exception as error:  # noqa: BLE001 - told below, with the children's logs
        result["error"] = repr(error)


def _last_log_message(place: Place) -> str:
    """Return the sentence with which a child ended, else the last line of the logs."""
    lines = _log_lines(place)
    return next(
        (line for line in reversed(lines) if line.startswith("merlin: ")), "".join(lines[-1:])
    )


def _log_lines(place: Place) -> list[str]:
    return place.logs.read_text(encoding="utf-8", errors="replace").splitlines()


@contextmanager
def _begin(
    folder: Path, ports: Ports, language: str, weights: Path | None, *, is_grounded: bool = False
) -> Iterator[tuple[Demo, Supervisor]]:
    """Lay out a demo, and hold its folder. Raises Refused."""
    with (
        prepare_demo(
            folder,
            ports,
            has_lora=weights is not None,
            is_grounded=is_grounded,
            language=language,
        ) as place,
        place.logs.open("ab") as logs,
    ):
        config = load(place.config)
        story = Story(config, language)
        make(place.repository, place.script)
        is_new = not (config.state_dir / "merlin.db").exists()
        if is_new:
            appoint_teacher(config, place)
        story.say("demo-begins" if is_new else "demo-goes-on", folder=str(place.folder))
        if place.script.language != language:
            kept = {"key": f"demo-language-{place.script.language}", "arguments": {}}
            story.say("demo-other-language", language=kept, again=restart_command(place))
        yield Demo(place, config, story), Supervisor(_children(place), logs, needs_all=True)


def appoint_teacher(config: Config, place: Place) -> None:
    """Let Boris, whom the pages call a teacher, lead every course."""
    with writing_context(config) as ctx:
        for course in place.courses():
            users.grant_role(ctx, Actor.operator(), BORIS.person_id, Role.TEACHER, course)
        # The courses name their teacher by the account; pages say what he is called.
        called = {person.name: person.first_name for person in people_of(config.language)}
        Users(ctx.db).met(User(BORIS.person_id))
        Users(ctx.db).set_name(BORIS.person_id, called[BORIS.name])
        users.set_name(ctx, Actor.operator(), BORIS.person_id, BORIS.name)


def _children(place: Place) -> list[Child]:
    at, ports = ["--config", str(place.config)], place.ports
    stage = ["stage", *at, *map(str, astuple(ports))]
    processes = [Child(name, [name, *at]) for name in ("engine", "daemon", "api")]
    # The bot calls Telegram at once, and the stand-in listens before the front page does.
    bot = Child("bot", ["bot", *at], can_start=partial(answers_at, place.front_url))
    return [Child("stage", stage), *processes, bot]


def run_standins(config: Config, place: Place) -> None:
    """Serve them all and the front page, each on its port, until SIGTERM or SIGINT.

    Restarts lose nothing. Their people and pages speak the configuration's language.
    """
    folder, ports, language = place.folder / "stand-ins", place.ports, config.language
    yookassa, read = config.payments.yookassa or YooKassaConfig(), partial(read_progress, config)
    telegram = TelegramStandIn(
        folder / "telegram",
        read_pipeline=read,
        language=language,
        front_url=place.front_url,
        port=ports.chat,
    )
    provider = ProviderStandIn(folder / "provider", port=ports.model)
    provider.behave(piece_s=WORD_S)
    servers = [
        telegram,
        provider,
        YooKassaStandIn(
            shop_id=credential(yookassa.shop_id),
            key=credential(yookassa.secret_key),
            # Told of every payment.
            notify_url=f"{place.api_url}hooks/payment",
            language=language,
            folder=folder / "yookassa",
            port=ports.shop,
        ),
        FrontPage(place, config, telegram),  # last: where it answers, all do
    ]
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    for server in servers:
        server.start()
    stop.wait()
    for server in servers:
        server.stop()
