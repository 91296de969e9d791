"""Run the demo: lay out its folder, start its processes, tell the story, stay or judge.

The stand-ins are one process: Telegram with its chat page, whose right side shows how far the
newest commit is, a chat model, and YooKassa with its payment page.
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from merlin.config import Config, credential, load
from merlin.config.shop import YooKassaConfig
from merlin.core.errors import MerlinError, NotFound
from merlin.sandbox.demo.check import LoraTraining, answers_at, check, check_lora
from merlin.sandbox.demo.place import Place, Ports, make, prepare_demo
from merlin.sandbox.demo.story import Story, addresses, newest, no_progress, restart_command
from merlin.sandbox.provider.app import ProviderApp
from merlin.sandbox.server import ServerThread
from merlin.sandbox.telegram.server import TelegramSettings, create_app
from merlin.sandbox.yookassa.server import ShopApp, ShopSettings
from merlin.supervisor import Child, Supervisor
from merlin.wiring.context import reading_context

LOOKS = 4  # one look at the database in so many looks at the children


class _DemoWatcher:
    """What the demo looks at while it is up; it tells what is new."""

    def __init__(
        self, place: Place, story: Story, supervisor: Supervisor, training: Iterator[object]
    ) -> None:
        self._place = place
        self._story = story
        self._supervisor = supervisor
        self._lora_steps = training
        self._looks = 0
        self._is_up = False
        self._restarts = dict.fromkeys((child.name for child in _children(place)), 0)

    def look(self) -> bool:
        """Look; True: the demo goes on."""
        self._looks += 1
        if self._looks % LOOKS == 0:
            self._tell_restarts()
            way = self._story.look()
            if not self._is_up and way and way["serving"] and answers_at(self._place.chat_url):
                addresses(self._place, self._story)
                self._is_up = True
            self._look_at_training()
        return True

    def _look_at_training(self) -> None:
        """Look at the language model's training; without one the demo goes on."""
        try:
            next(self._lora_steps, None)
        except MerlinError as error:
            self._story.say("demo-lora-failed", reason=self._story.reason(error))

    def _tell_restarts(self) -> None:
        for child, before in self._restarts.items():
            times = self._supervisor.restarts(child)
            if times >= max(1, 2 * before):  # each time more rarely: the 1st, 2nd, 4th, 8th
                logs = str(self._place.logs)
                self._story.say("demo-restarted", child=child, times=times, logs=logs)
                self._restarts[child] = times


def run_demo(folder: Path, first_port: int, language: str, weights: Path | None = None) -> int:
    """Show everything on this machine until Ctrl-C; return the exit code.

    With the `weights` of a language model it is taught too.
    """
    with (
        prepare_demo(
            folder, Ports.from_first(first_port), has_lora=weights is not None, language=language
        ) as place,
        place.logs.open("ab") as logs,
    ):
        story, config = _begin(place, language)
        supervisor = Supervisor(_children(place), logs, needs_all=True)
        with closing(_lora_steps(place, config, story, weights)) as training:
            code = supervisor.run(_DemoWatcher(place, story, supervisor, training).look)
        if code:
            story.say("demo-failed", reason=_last_log_message(place))
        story.say("demo-stopped", folder=str(place.folder), again=restart_command(place))
    return code


def _lora_steps(
    place: Place, config: Config, story: Story, weights: Path | None
) -> Generator[object, None, object]:
    return LoraTraining(place, config, story, weights).run() if weights else (None for _ in ())


def run_check(folder: Path | None, language: str, weights: Path | None = None) -> int:
    """Walk the whole road once; return the exit code. Without a folder in a temporary one."""
    with tempfile.TemporaryDirectory(prefix="merlin-demo-") as temporary:
        return _check_in(folder or Path(temporary), language, weights)


def _check_in(folder: Path, language: str, weights: Path | None) -> int:
    with (
        prepare_demo(folder, Ports.free(), has_lora=bool(weights), language=language) as place,
        place.logs.open("ab") as logs,
    ):
        story, config = _begin(place, language)
        result: dict[str, object] = {}
        road = [partial(check, place, config, story)]
        if weights:
            road.append(partial(check_lora, place, config, story, weights))
        walk = threading.Thread(target=_run_steps, args=(road, story, result), daemon=True)
        supervisor = Supervisor(_children(place), logs, needs_all=True)
        walk.start()
        supervisor.run(walk.is_alive)
        if walk.is_alive():  # a child cannot start, or somebody stopped us: no use in waiting
            result["error"] = _last_log_message(place)
        if result.get("ok"):
            sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
            return 0
        _tell_failure(place, story, result)
        return 1


def _run_steps(
    road: Sequence[Callable[[], Mapping[str, object]]], story: Story, result: dict[str, object]
) -> None:
    try:
        told = [part() for part in road]
        for each in told:
            result.update(each)
    except MerlinError as error:
        result["error"] = story.reason(error)
    except Exception as error:  # noqa: BLE001 - told below, with the children's logs
        result["error"] = repr(error)


def _tell_failure(place: Place, story: Story, result: Mapping[str, object]) -> None:
    story.say("demo-failed", reason=str(result.get("error", "stopped")))
    lines = _log_lines(place)
    worst = [line for line in lines if '"level": "error"' in line or "Traceback" in line]
    sys.stderr.write("\n".join((worst or lines)[-20:]) + "\n")
    sys.stdout.write(json.dumps({"ok": False, **result}, ensure_ascii=False) + "\n")


def _last_log_message(place: Place) -> str:
    """Return the sentence with which a child ended, else the last line of the logs."""
    lines = _log_lines(place)
    return next(
        (line for line in reversed(lines) if line.startswith("merlin: ")), "".join(lines[-1:])
    )


def _log_lines(place: Place) -> list[str]:
    return place.logs.read_text(encoding="utf-8", errors="replace").splitlines()


def _begin(place: Place, language: str) -> tuple[Story, Config]:
    config = load(place.config)
    story = Story(config, language)
    make(place.repository, place.script)
    story.say("demo-begins", folder=str(place.folder))
    if place.script.language != language:
        kept = {"key": f"demo-language-{place.script.language}", "arguments": {}}
        story.say("demo-other-language", language=kept, again=restart_command(place))
    return story, config


def _children(place: Place) -> list[Child]:
    at = ["--config", str(place.config)]
    ports = place.ports
    stands = (ports.chat, ports.shop, ports.model)
    stage = ["stage", *at, *map(str, stands)]
    names = ("engine", "daemon", "bot", "api")
    processes = [Child(name, [name, *at]) for name in names]
    return [Child("stage", stage), *processes]


def run_standins(config: Config, folder: Path, chat: int, shop: int, model: int) -> None:
    """Serve them all, each on its port, until SIGTERM or SIGINT; restarts lose nothing.

    Their people and pages speak the configuration's language.
    """
    read = partial(read_progress, config)
    telegram = TelegramSettings(folder / "telegram", read_pipeline=read, language=config.language)
    servers = [
        ServerThread(lambda: create_app(telegram), chat),
        ServerThread(lambda: ProviderApp(folder / "provider"), model),
        ServerThread(lambda: ShopApp(_shop(config, folder / "yookassa")), shop),
    ]
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    for server in servers:
        server.start()
    stop.wait()
    for server in servers:
        server.stop()


def read_progress(config: Config, language: str) -> dict[str, object]:
    """Return how far the newest commit is, read from the demo's database."""
    try:
        with reading_context(config) as ctx:
            return newest(ctx, config.datasets.default, language)
    except NotFound:
        return no_progress(config.datasets.default)  # the database is not made yet


def _shop(config: Config, folder: Path) -> ShopSettings:
    """Return the shop that the configuration speaks of; it notifies our api of every payment."""
    shop = config.payments.yookassa or YooKassaConfig()
    host, port = config.api.address
    return ShopSettings(
        shop_id=credential(shop.shop_id),
        key=credential(shop.secret_key),
        notify_url=f"http://{host}:{port}/hooks/payment",
        language=config.language,
        folder=folder,
    )
