"""Several bots behind one webhook: `merlin api` and two `merlin bot` on one database."""

from __future__ import annotations

from datetime import timedelta

import httpx
import yaml
from bot_world import let_serve, settings_of
from forked import start
from waiting import longest, wait_until

from merlin.app.inbox import LEASE_S, process
from merlin.core.clock import iso, utc_now
from merlin.core.server import free_ports
from merlin.db.database import open_database
from merlin.db.tables import LEASE
from merlin.wiring.bot_token import bot_id, webhook_secret

KEY = "KEY_OF_THE_REPLICAS"


class Replicas:
    """One api and two bots in webhook mode; `with Replicas(…) as replicas:`."""

    def __init__(self, folder, telegram, provider, database, **more):
        self.settings = settings_of(folder, telegram, provider, database=database)
        self.folder = folder
        self.telegram = telegram
        listen = f"127.0.0.1:{free_ports(1)[0]}"
        self.hook = f"http://{listen}/hooks/telegram"
        self.secret = webhook_secret(telegram.token)
        self._path = folder / "config.yaml"
        said = {
            "state_dir": str(folder),
            "database": database,
            "providers": [{"name": "chat", "base_url": provider.base_url, "credential": KEY}],
            "telegram": {
                "base_url": telegram.page_url.rstrip("/"),
                "mode": "webhook",
                "webhook_url": self.hook,
                "limits": {"overall_per_s": 0, "private_per_s": 0, "group_per_min": 0},
            },
            "api": {"listen": listen},
            **more,
        }
        self._path.write_text(yaml.safe_dump(said), encoding="utf-8")
        self._environment = {"TELEGRAM_BOT_TOKEN": telegram.token, KEY: "sk-of-the-tests"}
        self._children = []

    def __enter__(self):
        let_serve(self.settings, "stand-in-base")
        verbs = ("api", "bot", "bot")
        logs = [self.folder / f"log-{number}" for number in range(len(verbs))]
        self._children = [
            start(verb, self._path, log, **self._environment)
            for verb, log in zip(verbs, logs, strict=True)
        ]
        _, self.first, self.second = self._children
        told = "\n".join
        wait_until(
            lambda: len(self.telegram.calls("setWebhook")) == 2 and self._listens(),
            # Three programs begin.
            90,
            story=lambda: told(log.read_text()[-2000:] for log in logs),
        )
        return self

    def __exit__(self, *_):
        for child in self._children:
            child.terminate()
        for child in self._children:
            child.join(longest())
            if child.is_alive():
                child.kill()
                child.join()

    def _listens(self):
        try:
            return httpx.get(self.hook).status_code == 405
        except httpx.TransportError:
            return False

    def push(self, update, secret=None):
        """POST an update as Telegram does; return the status."""
        headers = {"X-Telegram-Bot-Api-Secret-Token": self.secret if secret is None else secret}
        return httpx.post(self.hook, json=update, headers=headers).status_code

    def give(self, bot, chats):
        """Let this bot hold chats, as if it had claimed them."""
        owner = str(process(bot.pid))
        until = iso(utc_now() + timedelta(seconds=LEASE_S))
        with open_database(self.settings.database) as database, database.atomic():
            for chat_id in chats:
                held = {"chat_id": chat_id, "owner": owner, "until": until}
                lease = LEASE.insert({"bot_id": bot_id(self.telegram.token), **held})
                kept = {"conflict_target": (LEASE.bot_id, LEASE.chat_id), "update": held}
                database.put(lease.on_conflict(**kept))
