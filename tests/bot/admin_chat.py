"""What staff's tests share: roles, datasets without git, saying and pressing."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import yaml

from merlin.account.users import Roles
from merlin.bot.handlers.admin import short_hash
from merlin.bot.handlers.example_proof import Draft
from merlin.dataset.changes import Changes
from merlin.dataset.files import FileIndex
from merlin.db.database import open_database
from merlin.db.encryption import load_or_make_key
from merlin.db.migrations import migrate
from merlin.db.tables import USER
from merlin.sandbox.telegram.arguments import Upload
from tests.bot.conversation import Talk
from tests.bot.running_bot import rows, settings_of
from tests.support.config import make_config
from tests.support.pipeline_lab import DATASET
from tests.support.waiting import DEADLINE_S

ANNA, BORIS, VERA = 1001, 1002, 1003
IDS = {"anna": ANNA, "boris": BORIS, "vera": VERA}
AT = "2026-11-01T08:00:00.000000Z"
CHAT = {"name": "chat", "base_url": "http://127.0.0.1:1/v1"}


def with_admin(settings, **more):
    """Return the settings with vera as the admin."""
    config = make_config(providers=[CHAT])
    return replace(settings, **{"admins": (VERA,), "config": config, **more})


def beside(lab, telegram):
    """Return a bot's settings on the database of a lab's daemon, vera its admin."""
    settings = settings_of(lab.config.state_dir, telegram)
    return with_admin(settings, database=lab.config.database, config=lab.config)


def grant(settings, user_id, role, scope=None):
    """Give somebody a role."""
    with open_database(settings.database) as database:
        migrate(database)
        Roles(database).grant(user_id, role, "test", scope)


def add_users(settings, ids, **more):
    """Let people have written before."""
    base = {"language_code": "ru", "is_reachable": 1, "first_seen_at": AT}
    with open_database(settings.database) as database:
        migrate(database)
        with database.atomic():
            for user_id in ids:
                row = {"user_id": user_id, **base, **more}
                database.put(USER.insert(row).on_conflict_ignore())


class Chat(Talk):
    """A talk with the bot beside others': only one's own updates count."""

    def __init__(self, telegram, settings, who="vera"):
        super().__init__(telegram, settings, who)

    def _ended(self):
        mine = f"SELECT state FROM updates WHERE user_id = {IDS[self.who]}"  # noqa: S608 - a number
        return sum(state != "waiting" for (state,) in rows(self.settings, mine))

    def forge(self, data):
        """Press a button that nobody offered; return the alert."""
        self.press(data, self.last.message_id, forged=True)
        return self.alert

    @property
    def alert(self):
        return self.telegram.calls("answerCallbackQuery")[-1].arguments.get("text", "")

    def until(self, part, within_s=DEADLINE_S):
        """Wait until the last message says this."""
        newest = self.telegram.answers
        self.telegram.wait_for(
            lambda: any(part in one.text for one in newest(self.who)[-1:]), within_s
        )
        return self.last


TEXT = "text/plain"


def yaml_of(question, answer):
    turns = (("user", question), ("assistant", answer))
    return Draft("", turns=turns).file_text()


def shelve(settings, dataset="trial", count=12, **more):
    """Put a dataset of `count` examples on the shelf; `more` are texts by id."""
    texts = {"dataset.yaml": yaml.safe_dump(DATASET, allow_unicode=True)}
    for number in range(count):
        question = f"Что значит слово номер {number}, понятие {chr(0x430 + number % 32) * 4}?"
        texts[f"examples/q{number}.yaml"] = yaml_of(question, f"Понятие {number} значит {number}.")
    texts |= {f"examples/{name}.yaml": text for name, text in more.items()}
    blobs = {path: hashlib.sha1(text.encode()).hexdigest() for path, text in texts.items()}  # noqa: S324 - as git names it
    with open_database(settings.database) as database:
        migrate(database)
        books = FileIndex(database)
        books.add({blobs[path]: text for path, text in texts.items()})
        gone = dict.fromkeys(books.blobs(dataset))
        books.keep(dataset, f"tree-{len(texts)}-{hash(str(texts))}", {**gone, **blobs})
    return blobs


def changes(settings, by):
    """Return what somebody asked for, oldest first."""
    cipher = load_or_make_key(settings.state_dir, None)
    with open_database(settings.database, cipher=cipher) as database:
        rows = Changes(database)
        firsts = rows.batches(str(by), 10_000)[::-1]
        return [each for first in firsts for each in rows.of_batch(first.batch)]


class Editing(Chat):
    """An editor's talk with the bot about examples."""

    def send(self, name, content, *, kind="document"):
        """Send a file; return the bot's newest message."""
        upload = Upload(name, TEXT, content.encode() if isinstance(content, str) else content)
        return self._done(self.telegram.send_file, upload, kind=kind)

    def forward(self, *said):
        """Forward what people said, all at once; return the bot's newest message."""
        return self._done(self.telegram.forward_words, list(said), count=len(said))

    def behind(self, action):
        """Return the data of the first button of this action."""
        found = [key["callback_data"] for row in self.last.keys for key in row]
        return next(data for data in found if data.startswith(f"ex:{action}"))

    def save(self):
        """Save what is shown; return the newest change."""
        self.press(self.behind("save"))
        return changes(self.settings, self.user_id)[-1]

    @property
    def user_id(self):
        return {"anna": ANNA, "boris": BORIS, "vera": VERA}[self.who]

    def write(self, question="Где новое?", answer="Здесь.", dataset="trial"):
        """Write an example up to its proof, without tags."""
        self.forge(f"ex:add:{short_hash(dataset)}")
        self.say(question)
        return self.say(answer)
