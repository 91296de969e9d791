"""Run the demo: prepare its folder, start its processes, report progress, wait or verify.

The stand-ins are threads of this process: Telegram with its chat page, which also shows the newest
commit's progress, a chat model, and YooKassa with its payment page.
"""

import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from pathlib import Path

from merlin.account.users import User, Users
from merlin.app import users
from merlin.app.actor import Actor
from merlin.config import Config
from merlin.config.reading import load
from merlin.config.shop import SHOP_ID, SHOP_KEY
from merlin.core.errors import MerlinError
from merlin.core.permissions import Role
from merlin.sandbox.demo.check import Demo, check
from merlin.sandbox.demo.front import FrontPage
from merlin.sandbox.demo.place import DemoFolder, Ports, create_repository, prepare_demo
from merlin.sandbox.demo.story import Story, addresses, read_progress, restart_command
from merlin.sandbox.provider.account import AccountStandIn, demo_account
from merlin.sandbox.server import StandIn
from merlin.sandbox.telegram.server import TelegramStandIn
from merlin.sandbox.telegram.world import BORIS, people_of
from merlin.sandbox.yookassa.server import YooKassaStandIn
from merlin.supervisor import Child, Supervisor
from merlin.wiring.context import open_writing_context

# Pause between the chat model's words, as a real model: an answer grows, and can be stopped.
WORD_PAUSE_S = 0.03
LATER_S = 0.8
# The database is read when a process announces a change, and at every second check.
CHECKS_PER_READ = 2


def run_demo(folder: Path, first_port: int, language: str) -> int:
    """Run the demo until Ctrl-C; return the exit code."""
    ports = Ports.from_first(first_port)
    with _prepare(folder, ports, language) as (demo, supervisor):
        place = demo.place
        story = demo.story
        addresses(place, story)
        steps = _watch(demo, supervisor)
        code = supervisor.run(lambda: next(steps))
        if code:
            story.say("demo-failed", reason=_read_last_log_message(place))
        story.say(
            "demo-stopped", folder=str(place.folder), again=restart_command(place)
        )
    return code


def _watch(demo: Demo, supervisor: Supervisor) -> Iterator[bool]:
    """Report news at each step; yields True for ever."""
    restarts = dict.fromkeys(supervisor.children, 0)
    database = demo.config.state_dir / "merlin.db"
    seen = 0
    for number in count(1):
        for child, reported in restarts.items():
            restart_count = supervisor.children[child].restarts
            # Report ever more rarely: the 1st, 2nd, 4th, 8th restart.
            if restart_count >= max(1, 2 * reported):
                logs = str(demo.place.logs)
                demo.story.say(
                    "demo-restarted", child=child, times=restart_count, logs=logs
                )
                restarts[child] = restart_count
        announced = database.stat().st_mtime_ns if database.exists() else 0
        if announced != seen or number % CHECKS_PER_READ == 0:
            demo.story.report()
            seen = announced
        yield True


def run_check(folder: Path | None, language: str) -> int:
    """Run the whole workflow once, in a temporary folder by default; return the exit code."""
    with (
        # The workflow's thread may write until the process ends.
        tempfile.TemporaryDirectory(
            prefix="merlin-demo-", ignore_cleanup_errors=True
        ) as temporary,
        _prepare(folder or Path(temporary), Ports.free(), language) as (
            demo,
            supervisor,
        ),
    ):
        result: dict[str, object] = {}
        workflow = threading.Thread(
            target=_run_workflow, args=(demo, result), daemon=True
        )
        workflow.start()
        supervisor.run(workflow.is_alive)
        if supervisor.is_stopping:
            raise KeyboardInterrupt
        # Still alive: a child process cannot start; waiting is useless.
        if workflow.is_alive():
            result["error"] = _read_last_log_message(demo.place)
        if result.get("ok"):
            sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
            return 0
        demo.story.say("demo-failed", reason=str(result.get("error", "stopped")))
        lines = _log_lines(demo.place)
        errors = [
            line for line in lines if '"level": "error"' in line or "Traceback" in line
        ]
        sys.stderr.write("\n".join((errors or lines)[-20:]) + "\n")
        sys.stdout.write(json.dumps({"ok": False, **result}, ensure_ascii=False) + "\n")
        return 1


def _run_workflow(demo: Demo, result: dict[str, object]) -> None:
    try:
        result.update(check(demo))
    except MerlinError as error:
        result["error"] = demo.story.reason(error)
    except Exception as error:  # noqa: BLE001 - reported below, with the children's logs
        result["error"] = repr(error)


def _read_last_log_message(place: DemoFolder) -> str:
    """Return a child's last error message, else the last line of the logs."""
    lines = _log_lines(place)
    return next(
        (line for line in reversed(lines) if line.startswith("merlin: ")),
        "".join(lines[-1:]),
    )


def _log_lines(place: DemoFolder) -> list[str]:
    return place.logs.read_text(encoding="utf-8", errors="replace").splitlines()


@contextmanager
def _prepare(
    folder: Path, ports: Ports, language: str
) -> Iterator[tuple[Demo, Supervisor]]:
    """Prepare a demo, hold its folder and serve its stand-ins. Raises Refused."""
    with (
        prepare_demo(folder, ports, language) as place,
        place.logs.open("ab") as logs,
        ExitStack() as stack,
    ):
        config = load(place.config)
        story = Story(config, language)
        create_repository(place.repository, place.script)
        is_new = not (config.state_dir / "merlin.db").exists()
        if is_new:
            appoint_teacher(config, place)
        for standin in _create_standins(config, place):
            stack.enter_context(standin)
        story.say(
            "demo-started" if is_new else "demo-continues", folder=str(place.folder)
        )
        if place.has_edited_config:
            story.say("demo-edited-config", path=str(place.config))
        if place.script.language != language:
            language_text = {
                "key": f"demo-language-{place.script.language}",
                "arguments": {},
            }
            story.say(
                "demo-other-language",
                language=language_text,
                again=restart_command(place),
            )
        yield (
            Demo(place, config, story),
            Supervisor(_children(place), logs, needs_all=True),
        )


def appoint_teacher(config: Config, place: DemoFolder) -> None:
    """Make Boris, a teacher on the pages, the teacher of every course."""
    with open_writing_context(config, makes_key=True) as ctx:
        # Courses show their teacher by account, and the admin is told his role: by his name.
        first_names = {
            person.name: person.first_name for person in people_of(config.language)
        }
        Users(ctx.db).record([User(BORIS.person_id)])
        Users(ctx.db).set_name(BORIS.person_id, first_names[BORIS.name])
        users.set_name(ctx, Actor.operator(), BORIS.person_id, BORIS.name)
        for course in place.courses():
            users.grant_role(
                ctx, Actor.operator(), BORIS.person_id, Role.TEACHER, course
            )


def _children(place: DemoFolder) -> list[Child]:
    """Return the processes of Merlin.

    The first model needs the first two. What all four load at once takes two cores for two seconds,
    so the others follow while the daemon, on one core, reads the first commit.
    """
    now = time.monotonic()
    starts = {
        "engine": now,
        "daemon": now,
        "bot": now + LATER_S,
        "api": now + 2 * LATER_S,
    }
    config = str(place.config)
    return [
        Child(name, [name, "--config", config], start_at=at)
        for name, at in starts.items()
    ]


def _create_standins(config: Config, place: DemoFolder) -> list[StandIn]:
    """Return the stand-ins and the front page, each on its port.

    Their state survives restarts. Their people and pages use the configured language.
    """
    folder = place.folder / "stand-ins"
    ports = place.ports
    language = config.language
    telegram = TelegramStandIn(
        folder / "telegram",
        read_pipeline=partial(read_progress, config),
        language=language,
        front_url=place.front_url,
        port=ports.chat,
    )
    return [
        telegram,
        AccountStandIn(demo_account(language), WORD_PAUSE_S, port=ports.model),
        YooKassaStandIn(
            shop_id=place.read_credential(SHOP_ID),
            key=place.read_credential(SHOP_KEY),
            # Receives a notification of every payment.
            notify_url=f"{place.api_url}hooks/payment",
            language=language,
            folder=folder / "yookassa",
            port=ports.shop,
        ),
        FrontPage(place, config, telegram),
    ]
