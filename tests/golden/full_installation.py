"""An installation with data of every kind, made through its surfaces.

boris commits a course and a dataset, two builds serve, one job fails and one is cancelled; anna
asks, rates, buys; boris edits; vera administers. Bot and API are separate processes.
"""

import os
import re
import secrets
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import yaml

from merlin.app.actor import Actor
from merlin.app.examples import view_of
from merlin.app.shop import place_order
from merlin.billing.purchases import Purchases
from merlin.core.permissions import Authority
from merlin.core.server import free_ports
from merlin.dataset.files import FileIndex
from merlin.db.database import open_database
from merlin.providers.payments import Gateway
from merlin.wiring.context import open_read_only, open_writing_context
from tests.api.sign_in_data import finish_login, start_login
from tests.golden.bot_chats import Person
from tests.golden.normalise import Normaliser
from tests.support.ending import end
from tests.support.frozen_day import fixed_day, start
from tests.support.people import ANNA, VERA
from tests.support.pipeline_lab import Lab
from tests.support.stand_ins import ProviderStandIn, TelegramStandIn, YooKassaStandIn
from tests.support.waiting import longest, wait_until

PEOPLE = {"student": "anna", "teacher": "boris", "admin": "vera"}
GIT_DAY = "2026-03-09T12:00:00+00:00"
COURSE = {
    "semester": 1,
    "name": {"ru": "Слова и понятия", "en": "Words and notions"},
    "description": {
        "ru": "Что значит каждое **слово**.",
        "en": "What each word means.",
    },
    "teachers": ["boris"],
    "materials": [
        {
            "lesson": 1,
            "type": "lecture",
            "title": {"ru": "Введение", "en": "Introduction"},
            "text": "materials/lecture-01.md",
        },
        {
            "lesson": 1,
            "type": "lab",
            "title": {"ru": "Практика"},
            "file_url": "https://example.com/lab.pdf",
        },
    ],
}
LECTURE = "# Введение\n\nСлово — это **знак**.\n\n```python\nsorted([3, 1, 2])\n```\n"
PLANS = {
    "free": {
        "title": {"ru": "Базовый", "en": "Basic"},
        "text": 20,
        "voice": {"day": 5, "month": 60},
        "photo": 0,
        "document": 0,
    },
    "plus": {
        "title": {"ru": "Плюс", "en": "Plus"},
        "about": {"ru": "Для учёбы каждый день.", "en": "For studying every day."},
        "text": 200,
        "voice": 20,
        "price": {"rub": 299, "stars": 200},
        "days": 30,
    },
    "voices": {
        "title": {"ru": "20 голосовых", "en": "20 by voice"},
        "pack": {"voice": 20},
        "price": {"rub": 99, "stars": 70},
        "days": 90,
    },
}
QUESTION = "Что значит слово номер {0}, понятие {1}?"


class Installation:
    """A running installation: HTTP clients and chats with the bot by person."""

    def __init__(self, lab, stand_ins, database):
        self.lab = lab
        self.address = address = stand_ins.address
        self.telegram = telegram = stand_ins.telegram
        self.provider = stand_ins.provider
        self.yookassa = stand_ins.yookassa
        self.processes = {}
        self.run = None
        self.orders = {}
        self.changes = {}
        self.requests = []
        self.people = {
            name: Person(telegram, name, database) for name in PEOPLE.values()
        }
        self.browsers = {
            name: httpx.Client(
                base_url=address, headers={"Origin": address}, timeout=longest()
            )
            for name in ("nobody", *PEOPLE.values())
        }

    def make_normaliser(self):
        """Return a normaliser for one response of this installation."""
        known = {
            **self._commits,
            **self.orders,
            **self.changes,
            self.address: "api",
            str(self.lab.folder): "folder",
            self.telegram.page_url.rstrip("/"): "telegram",
            self.yookassa.base_url: "yookassa",
            quote(self.telegram.page_url.rstrip("/"), safe=""): "telegram",
            urlsplit(self.yookassa.base_url).netloc: "yookassa",
            self.provider.base_url: "provider",
        }
        return Normaliser(known)

    @cached_property
    def _commits(self):
        """Return placeholder names by commit hash, whole and abbreviated."""
        shas = self.lab.repository.git("rev-list", "--reverse", "HEAD").split()
        return {
            sha[:length]: f"commit-{number}"
            for number, sha in enumerate(shas, 1)
            for length in (40, 12, 10, 7)
        }

    def sign_in(self, name):
        """Sign a person's HTTP client in by a confirmation in the bot."""
        browser = self.browsers[name]
        person = self.people[name]
        (payload,) = parse_qs(urlsplit(start_login(browser)["url"]).query)["start"]
        person.do(self.telegram.start_bot, payload)
        person.press(person.newest.keys[0][0]["callback_data"])
        wait_until(lambda: finish_login(browser) == "signed in")

    def call(self, name, verb, path, **fields):
        """Call the API as a person; return the JSON of the successful response."""
        return _read_json(self.browsers[name].request(verb, path, json=fields or None))

    def call_daemon(self, name, verb, path, **fields):
        """Call the API for a request to the daemon, run the daemon's tick, return the request."""
        document = self.call(name, verb, path, **fields)
        self.lab.tick("serve")
        return self.call(name, "GET", f"/api/requests/{document['id']}")


def _read_json(response):
    assert response.is_success, (response.status_code, response.text)
    return response.json() if response.content else None


@contextmanager
def run_installation(folder, environment):
    """Run the installation in a folder; set its credentials in `environment`."""
    with fixed_day() as by, run_stand_ins(folder, environment) as stand_ins:
        lab = make_lab(folder, stand_ins)
        make_pipeline(lab, stand_ins.provider)
        with run_bot_and_api(lab, stand_ins, by) as installation:
            act_as_people(installation)
            yield installation


@dataclass(frozen=True)
class StandIns:
    """The stand-ins beside Merlin, and the API's address."""

    telegram: TelegramStandIn
    provider: ProviderStandIn
    yookassa: YooKassaStandIn
    address: str


@contextmanager
def run_stand_ins(folder, environment):
    """Run the stand-ins; their state is kept in a folder."""
    state_folder = folder / "outside"
    with (
        TelegramStandIn(state_folder / "telegram") as telegram,
        ProviderStandIn(state_folder / "provider", key="stand-in") as provider,
        YooKassaStandIn() as yookassa,
    ):
        for role in ("AUTHOR", "COMMITTER"):
            environment[f"GIT_{role}_DATE"] = GIT_DAY
        environment["LOGNAME"] = "vera"
        environment["TELEGRAM_BOT_TOKEN"] = telegram.token
        environment["YOOKASSA_SHOP_ID"] = yookassa.shop_id
        environment["YOOKASSA_SECRET_KEY"] = yookassa.key
        (port,) = free_ports(1)
        yookassa.notify_to(f"http://127.0.0.1:{port}/hooks/payment")
        yield StandIns(telegram, provider, yookassa, f"http://127.0.0.1:{port}")


@contextmanager
def run_bot_and_api(lab, stand_ins, by):
    """Run bot and API beside a lab; yield the installation."""
    with ExitStack() as stack:
        url = lab.config.database
        database = stack.enter_context(open_database(url, read_only=True))
        installation = Installation(lab, stand_ins, database)

        def run(verb, **options):
            log = lab.folder / f"{verb}.log"
            process = start(by, verb, lab.path, log, **os.environ, **options)
            installation.processes[verb] = process
            stack.callback(process.join)
            stack.callback(process.terminate)

        installation.run = run
        for verb in ("bot", "api"):
            run(verb)
        for browser in installation.browsers.values():
            stack.enter_context(browser)
        wait_until(lambda: _is_up(installation), 60, lambda: _logs(lab.folder))
        yield installation


def _is_up(installation):
    try:
        return (
            installation.browsers["nobody"].get("/readyz").is_success
            and installation.telegram.is_polled()
        )
    except httpx.TransportError:
        return False


def _logs(folder):
    return "\n".join(path.read_text()[-2000:] for path in Path(folder).glob("*.log"))


def make_lab(folder, stand_ins, **sections):
    """Return the lab of a folder with a new configuration: addresses differ in each run."""
    return Lab(folder, stand_ins.provider.base_url, **_config(stand_ins) | sections)


def _config(stand_ins):
    model = "stand-in/stand-in-chat"
    page = stand_ins.telegram.page_url.rstrip("/")
    return {
        "models": {
            "stand-in-base": {
                "price": {"input": 1, "output": 2, "training": 100},
                "context": 16_000,
            },
            "stand-in-chat": {"context": 16_000},
        },
        "budget": {"per_job": 5, "per_month": 50},
        "telegram": {
            "base_url": page,
            "link_url": page,
            "admins": [VERA],
        },
        "chat": {
            "assistant": model,
        },
        "datasets": {"default": "trial"},
        "plans": PLANS,
        "payments": {
            "yookassa": {
                "base_url": stand_ins.yookassa.base_url,
                "test": True,
            },
        },
        "api": {
            "listen": urlsplit(stand_ins.address).netloc,
            "public_url": stand_ins.address,
            "limits": {"anonymous_per_min": 0, "person_per_min": 0},
        },
        "daemon": {"quiet_s": 0},
    }


def make_pipeline(lab, provider):
    """Make two serving builds, a failed job, a job that will be cancelled, a rejected commit."""
    repository = lab.repository
    repository.dataset()
    folder = repository.folder / "datasets" / "trial"
    (folder / "materials").mkdir()
    (folder / "materials" / "lecture-01.md").write_text(LECTURE, "utf-8")
    (folder / "course.yaml").write_text(
        yaml.safe_dump(COURSE, allow_unicode=True), "utf-8"
    )
    repository.commit("Add the course")
    lab.until_serving("trial-1")
    repository.example("trial", 20)
    repository.commit_example(
        "trial",
        3,
        answer="Понятие 3 значит совсем другое.",
        subject="Explain 20, mend 3",
    )
    lab.until_serving("trial-2")
    provider.behave(ending="failed")
    repository.commit_example("trial", 21, subject="Explain 21")
    lab.tick(rounds=8)
    provider.behave(states=["running"] * 500)
    repository.commit_example("trial", 22, subject="Explain 22")
    lab.tick(rounds=2)
    broken = folder / "examples" / "q23.yaml"
    broken.write_text(
        "messages:\n  - user: Что?\n  - assistant: ''\nslit: test\n", "utf-8"
    )
    repository.commit_dataset(
        "broken", count=3, recipe={"provider": "nowhere"}, subject="Explain 23"
    )
    lab.tick("fetch")


def act_as_people(installation):
    """Perform the actions of all people."""
    for name, language in (("anna", "ru"), ("boris", "en"), ("vera", "ru")):
        installation.people[name].say("/start")
        installation.people[name].press(f"lang:{language}", forged=True)
        installation.sign_in(name)
    _command(installation, "users", "role", "1002", "teacher", "--scope", "trial")
    _command(installation, "users", "name", "1002", "boris")
    _ask_and_rate(installation)
    _buy(installation)
    _edit_examples(installation)
    installation.provider.behave(states=["queued", "running"], ending="succeeded")
    cancelled = installation.call_daemon("vera", "POST", "/api/jobs/4/cancel")
    installation.lab.until_serving("trial-6")
    installation.requests.append(cancelled["id"])
    # Notices are grouped for a minute; a restarted bot with group_s=0 sends them in one message.
    end(installation.processes["bot"])
    installation.run("bot", group_s=0.0)
    wait_until(installation.people["vera"].has_sent_all, 60)


def _command(installation, *words):
    from merlin.cli import main

    assert main([*words, "--config", str(installation.lab.path)]) == 0


def _ask_and_rate(installation):
    anna = installation.people["anna"]
    anna.say(QUESTION.format(3, "гггг"))
    data = [key.get("callback_data", "") for row in anna.newest.keys for key in row]
    anna.press(next(item for item in data if item.startswith("rate:down")))
    installation.call("anna", "POST", "/api/user/courses", course_id=1)
    form = {"label": "её бот", "scopes": ["chat:write"]}
    page = installation.browsers["anna"].post("/me/keys", data=form)
    installation.key = re.search(r"mrl_[\w-]{20,}", page.text)[0]


def _buy(installation):
    response = installation.browsers["anna"].post(
        "/checkout/voices", data={"price": "9900"}
    )
    paid = response.headers["location"].split("/")[2]
    installation.yookassa.choose(paid, "paid")
    wait_until(lambda: read_order_state(installation, paid) == "paid")
    anna = Actor.person(ANNA, Authority())
    with open_writing_context(installation.lab.config) as ctx:
        waiting = place_order(ctx, anna, "plus", Gateway.YOOKASSA).purchase_id
    installation.orders = {paid: "paid-order", waiting: "waiting-order"}


def read_order_state(installation, order_id):
    """Return the state of an order."""
    with open_read_only(installation.lab.config) as database:
        return Purchases(database).get(order_id).state.value


def _edit_examples(installation):
    """Make an edit that is committed, and one refused because another commit changed its file."""
    seen = _read_example(installation, "q5")
    first = _save_example(installation, _read_example(installation, "q4"), "Иначе.")
    installation.lab.tick("changes", "fetch")
    second = _save_example(installation, seen, "И это иначе.")
    installation.lab.repository.commit_example(
        "trial", 5, answer="Понятие 5 значит то.", subject="Explain 5 better"
    )
    installation.lab.tick("changes", "fetch")
    installation.changes = {first: "committed-change", second: "refused-change"}


def _save_example(installation, example, answer):
    """Save an example on its page as boris; return the id of the change."""
    form = {
        "example": example.id,
        "revision": example.revision,
        "question": example.question,
    }
    form |= {
        "answer": answer,
        "tags": ", ".join(example.tags),
        "once": secrets.token_hex(16),
    }
    saved = installation.browsers["boris"].post("/datasets/trial/examples", data=form)
    return saved.headers["location"].partition("changed=")[2]


def _read_example(installation, name):
    with open_read_only(installation.lab.config) as database:
        return view_of(FileIndex(database).get("trial", name))
