"""Webhook mode end to end: an update pushed to the API is answered once by one of two bots."""

import re
from dataclasses import replace
from datetime import timedelta
from functools import partial

import httpx
import pytest
import yaml

from merlin.app.inbox import LEASE_S, _start_of, read_owner
from merlin.config.credentials import bot_id
from merlin.core.clock import iso, utc_now
from merlin.core.server import free_ports
from merlin.db.database import open_database
from merlin.db.tables import LEASE
from tests.bot.running_bot import (
    add_live_model,
    bot_settings,
    count_updates_by_state,
    select_rows,
    wait_until_ended,
)
from tests.support.ending import kill
from tests.support.forked_processes import start
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.integration

KEY = "KEY_OF_THE_REPLICAS"


class Replicas:
    """One api and two bots in webhook mode; `with Replicas(…) as replicas:`."""

    def __init__(self, folder, telegram, provider, database, **options):
        self.settings = bot_settings(folder, telegram, provider, database=database)
        self.folder = folder
        self.telegram = telegram
        listen = f"127.0.0.1:{free_ports(1)[0]}"
        self.hook = f"http://{listen}/hooks/telegram"
        self._path = folder / "config.yaml"
        fields = {
            "state_dir": str(folder),
            "database": database,
            "providers": [
                {"name": "chat", "base_url": provider.base_url, "credential": KEY}
            ],
            "telegram": {
                "base_url": telegram.page_url.rstrip("/"),
                "mode": "webhook",
                "webhook_url": self.hook,
            },
            "api": {"listen": listen},
            **options,
        }
        self._path.write_text(yaml.safe_dump(fields), encoding="utf-8")
        self._environment = {
            "TELEGRAM_BOT_TOKEN": telegram.token,
            KEY: "sk-of-the-tests",
        }
        self._children = []

    def __enter__(self):
        add_live_model(self.settings, "stand-in-base")
        verbs = ("api", "bot", "bot")
        logs = [self.folder / f"log-{number}" for number in range(len(verbs))]
        self._children = [
            start(verb, self._path, log, **self._environment)
            for verb, log in zip(verbs, logs, strict=True)
        ]
        _, self.first, self.second = self._children
        output = "\n".join
        wait_until(
            lambda: len(self.telegram.calls("setWebhook")) == 2 and self._listens(),
            # Three processes start.
            90,
            describe=lambda: output(log.read_text()[-2000:] for log in logs),
        )
        return self

    def __exit__(self, *_):
        for child in self._children:
            child.terminate()
        for child in self._children:
            child.join(longest())
            if child.is_alive():
                kill(child)

    def _listens(self):
        try:
            return httpx.get(self.hook).status_code == 405
        except httpx.TransportError:
            return False

    def give(self, bot, chats):
        """Give this bot the leases of chats, as if it had claimed them."""
        owner = str(replace(read_owner(), pid=bot.pid, started=_start_of(bot.pid)))
        until = iso(utc_now() + timedelta(seconds=LEASE_S))
        with open_database(self.settings.database) as database, database.atomic():
            for chat_id in chats:
                columns = {"chat_id": chat_id, "owner": owner, "until": until}
                lease = LEASE.insert({"bot_id": bot_id(self.telegram.token), **columns})
                conflict = {
                    "conflict_target": (LEASE.bot_id, LEASE.chat_id),
                    "update": columns,
                }
                database.put(lease.on_conflict(**conflict))


@pytest.fixture
def start_replicas(tmp_path, telegram, provider, postgresql):
    """Return a function that creates replicas on one PostgreSQL."""
    return partial(Replicas, tmp_path, telegram, provider, postgresql.reset())


def whole_answers(telegram, user):
    """Return the answers of a chat, without placeholders left by a killed bot."""
    return [message.text for message in telegram.answers(user) if message.text != "…"]


def test_each_question_is_answered_once_and_in_order_despite_a_killed_bot(
    start_replicas, telegram, provider
):
    people = range(2001, 2017)
    provider.behave(think_s=0.4)
    with start_replicas() as replicas:
        replicas.give(replicas.first, people[:8])
        replicas.give(replicas.second, people[8:])
        for number in range(2):
            for person in people:
                telegram.say(person, f"вопрос {person}-{number}")
        telegram.wait_for(lambda: all(telegram.answers(person) for person in people))
        replicas.first.kill()
        wait_until_ended(telegram, replicas.settings, 2 * len(people))
    for person in people:
        answers = whole_answers(telegram, person)
        numbers = [re.search(rf"«вопрос {person}-(\d)»", text)[1] for text in answers]
        assert [*dict.fromkeys(numbers)] == ["0", "1"]
        # One that was being sent at the kill may be repeated, and says so.
        firsts = {numbers.index(number) for number in numbers}
        repeats = [text for n, text in enumerate(answers) if n not in firsts]
        assert all(text.startswith("↻") for text in repeats)
        assert len(repeats) <= 1
    assert count_updates_by_state(replicas.settings) == {"answered": 32}


def test_stops_and_messages_reach_the_bot_that_writes_the_answer(
    start_replicas, telegram, provider
):
    people = (2001, 2002, 2003, 2004)
    provider.behave(fixed_answer=" ".join(f"слово{n}" for n in range(400)), piece_s=0.1)
    with start_replicas() as replicas:
        replicas.give(replicas.first, people[:2])
        replicas.give(replicas.second, people[2:])
        for person in people:
            telegram.say(person, "Расскажи")
        for person in people:
            telegram.wait_for(
                lambda person=person: "слово3" in str(telegram.draft(person))
            )
        provider.behave(piece_s=3600.0)
        for person in people:
            telegram.stop_generation(person)
            telegram.say(person, "/help")
        wait_until_ended(telegram, replicas.settings, 3 * len(people))
    for person in people:
        story, help_ = whole_answers(telegram, person)
        assert "слово399" not in story
        assert "/sessions" in help_
    assert set(
        select_rows(replicas.settings, "SELECT state, reason FROM telegram_update")
    ) == {("answered", ""), ("answered", "stop")}
