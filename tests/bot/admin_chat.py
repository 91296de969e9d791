"""Helpers of staff tests: roles, datasets without git, chats of admins and editors."""

import hashlib
from dataclasses import replace

import yaml

from merlin.account.users import Roles
from merlin.bot.handlers.example_proof import EditedFile
from merlin.bot.menu import short_hash
from merlin.dataset.changes import Changes
from merlin.dataset.files import FileIndex
from merlin.dataset.proposals import Draft, Proposals
from merlin.db.database import open_database
from merlin.db.encryption import load_or_make_key
from merlin.db.migrations import migrate
from tests.bot.conversation import ChatUser
from tests.bot.running_bot import bot_settings
from tests.support.config import make_config
from tests.support.pipeline_lab import DATASET

ANNA = 1001
BORIS = 1002
VERA = 1003
AT = "2026-11-01T08:00:00.000000Z"
CHAT = {"name": "chat", "base_url": "http://127.0.0.1:1/v1"}


def add_admin(settings, **changes):
    """Return the settings with vera as admin."""
    config = make_config(providers=[CHAT])
    return replace(settings, **{"admins": (VERA,), "config": config, **changes})


def lab_settings(lab, telegram):
    """Return settings of a bot on the database of a lab's daemon, with vera as admin."""
    settings = bot_settings(lab.config.state_dir, telegram)
    return add_admin(settings, database=lab.config.database, config=lab.config)


def grant_role(settings, user_id, role, scope=None):
    """Give a user a role."""
    with open_database(settings.database) as database:
        migrate(database)
        Roles(database).grant(user_id, role, "test", scope)


class StaffUser(ChatUser):
    """A chat of an admin or an editor with the bot."""

    def __init__(self, telegram, settings, who="vera"):
        super().__init__(telegram, settings, who)

    def press_forged(self, data):
        """Press a button that no message has; return the alert."""
        self.press(data, self.last.message_id, forged=True)
        return self.alert

    @property
    def alert(self):
        return self.telegram.calls("answerCallbackQuery")[-1].body.get("text", "")


def example_yaml(question, answer):
    return EditedFile("", question=question, answer=answer).file_text()


def store_dataset(settings, dataset="trial", count=12, **extra_texts):
    """Store a dataset of `count` examples in the file index; `extra_texts` are texts by id."""
    texts = {"dataset.yaml": yaml.safe_dump(DATASET, allow_unicode=True)}
    for number in range(count):
        question = (
            f"Что значит слово номер {number}, понятие {chr(0x430 + number % 32) * 4}?"
        )
        texts[f"examples/q{number}.yaml"] = example_yaml(
            question, f"Понятие {number} значит {number}."
        )
    texts |= {f"examples/{name}.yaml": text for name, text in extra_texts.items()}
    blobs = {
        path: hashlib.sha1(text.encode()).hexdigest()  # noqa: S324 - as git names it
        for path, text in texts.items()
    }
    with open_database(settings.database) as database:
        migrate(database)
        file_index = FileIndex(database)
        file_index.add({blobs[path]: text for path, text in texts.items()})
        removed = dict.fromkeys(file_index.read_blobs(dataset))
        file_index.keep(
            dataset, f"tree-{len(texts)}-{hash(str(texts))}", {**removed, **blobs}
        )
    return blobs


def add_proposal(
    settings, question="Что за лоб?", answer="Верх лица.", dataset="trial", **more
):
    """Let anna propose an example; return the proposal's id."""
    cipher = load_or_make_key(settings.state_dir, None)
    with open_database(settings.database, cipher=cipher) as database:
        draft = Draft(question, answer, dataset, **more)
        return Proposals(database).add(ANNA, draft)


def read_changes(settings, by):
    """Return a user's requested changes, oldest first."""
    cipher = load_or_make_key(settings.state_dir, None)
    with open_database(settings.database, cipher=cipher) as database:
        rows = Changes(database)
        latest = rows.list_batches(str(by), 10_000)[::-1]
        return [change for batch in latest for change in batch]


class ExampleEditor(StaffUser):
    """An editor's chat with the bot about examples."""

    def save(self):
        """Save the shown example; return the newest change."""
        self.press("💾 Сохранить")
        return read_changes(self.settings, self.user_id)[-1]

    def write(self, question="Где новое?", answer="Здесь.", dataset="trial"):
        """Write an example up to its preview, without tags."""
        self.press_forged(f"ex:add:{short_hash(dataset)}")
        self.say(question)
        return self.say(answer)
