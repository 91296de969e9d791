"""Telegram behind a wall for a minute: what people who asked meanwhile get, and what the site does.

A bot and an api with their own timeouts; Telegram is reached through a proxy with a login. The wall
closes every connection, or passes no byte on. A tenth of the questions are being answered as it
comes up, the others are asked behind it; a student asks on the site.
"""

import os
import re
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2

from bench.editors import CARD
from bench.replicas import wait_until
from merlin.account.sign_ins import SignInMethod, SignIns
from merlin.account.users import User, Users
from merlin.core.server import free_ports
from merlin.course.catalogue import Catalogue
from merlin.db.database import open_database
from merlin.wiring.context import make_cipher, open_migrated_database

SEE_OTHER = 303
QUESTIONS, BEFORE, WALL_S = 100, 10, 60.0
PEOPLE, STUDENT, LOGIN = ("anna", "boris", "vera"), 2001, "merlin:the-password-of-the-proxy"


def run() -> None:
    """Print a row for each wall."""
    for scheme, wall in (("socks5", "closed"), ("http", "silent")):
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            _measure(Path(folder), stack, scheme, wall)


def _measure(folder: Path, stack: ExitStack, scheme: str, wall: str) -> None:
    from tests.support.forked_processes import is_ready, run_processes
    from tests.support.forward_proxy import ForwardProxy
    from tests.support.pipeline_lab import Lab
    from tests.support.stand_ins import ProviderStandIn, TelegramStandIn

    telegram = stack.enter_context(TelegramStandIn())
    provider = stack.enter_context(ProviderStandIn(key="stand-in"))
    proxy = stack.enter_context(ForwardProxy(scheme, LOGIN).run())
    address = f"127.0.0.1:{free_ports(1)[0]}"
    lab = Lab(
        folder,
        provider.base_url,
        telegram={"base_url": telegram.page_url.rstrip("/"), "proxy": proxy.url},
        api={"listen": address},
    )
    lab.repository.dataset()
    (lab.repository.folder / "datasets/trial/course.yaml").write_text(CARD, "utf-8")
    lab.repository.commit()
    lab.until_serving("trial-1")
    with open_migrated_database(lab.config) as database:
        database.cipher = make_cipher(lab.config, database)
        Users(database).record([User(STUDENT)])
        course = Catalogue(database).find_course("trial")
        assert course is not None
        cookies = {"merlin": SignIns(database).open(STUDENT, SignInMethod.CODE)[1]}
    secrets = {"TELEGRAM_BOT_TOKEN": telegram.token, "TELEGRAM_PROXY_LOGIN": LOGIN}
    stack.enter_context(run_processes(lab.path, "bot", "api", **os.environ, **secrets))
    wait_until(lambda: is_ready(f"http://{address}") and telegram.is_polled())
    asked = [f"Что такое понятие {number}?" for number in range(QUESTIONS)]
    provider.behave(piece_s=0.2)
    for number, question in enumerate(asked[:BEFORE]):
        telegram.say(PEOPLE[number % 3], question)
    wait_until(lambda: all(telegram.answers(who) for who in PEOPLE))
    proxy.trouble = wall
    begun, steps, on_site = time.monotonic(), set[str](), 0
    origin = {"Origin": f"http://{address}"}
    site = httpx2.Client(cookies=cookies, headers=origin, timeout=WALL_S)
    for number, question in enumerate(asked[BEFORE:], BEFORE):
        telegram.say(PEOPLE[number % 3], question)
        if number % 10 == 0:
            page = site.post(
                f"http://{address}/courses/{course.course_id}/chat", data={"q": question}
            )
            on_site += page.status_code == SEE_OTHER
        time.sleep(max(0.0, begun + WALL_S * number / QUESTIONS - time.monotonic()))
        steps |= _read_steps(lab)
    time.sleep(max(0.0, begun + WALL_S - time.monotonic()))
    provider.behave(piece_s=0.0)
    proxy.trouble, over = "", time.monotonic()
    telegram.wait_for(lambda: sum(len(_answered(telegram, who)) for who in PEOPLE) >= QUESTIONS)
    telegram.wait_for(lambda: all("" not in _answered(telegram, who) for who in PEOPLE))
    seconds = time.monotonic() - over
    orders = [_answered(telegram, who) == _asked(asked, who) for who in PEOPLE]
    texts = [message.text for who in PEOPLE for message in telegram.answers(who)]
    print(
        f"| {scheme}, {wall} for {WALL_S:.0f} s | {QUESTIONS} asked, {len(texts)} messages,"
        f" each answered once and in order: {all(orders)}; marked as repeated:"
        f" {sum(text.startswith('↻') for text in texts)}; all sent {seconds:.1f} s after the wall;"
        f" on the site {on_site} of 9 answered; steps {sorted(steps)} |",
        flush=True,
    )


def _asked(asked: list[str], who: str) -> list[str]:
    return asked[PEOPLE.index(who) :: 3]


def _answered(telegram: Any, who: str) -> list[str]:
    found = (re.search("«(.*?)»", message.text) for message in telegram.answers(who))
    return [match[1] if match else "" for match in found]


def _read_steps(lab: Any) -> set[str]:
    with open_database(lab.config.database, read_only=True) as database:
        return {step for (step,) in database.sql("SELECT step FROM heartbeat")}
