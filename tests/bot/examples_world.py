"""What the tests of the examples' dialog share: datasets on the shelf, without git."""

from __future__ import annotations

import hashlib

import yaml
from admin_world import ANNA, BORIS, VERA, Chat
from world import DATASET

from merlin.bot.handlers.admin import short
from merlin.bot.handlers.example_proof import Draft
from merlin.dataset.changes import Changes
from merlin.dataset.files import FileIndex
from merlin.db.database import open_database
from merlin.db.encryption import load_or_make_key
from merlin.db.migrations import migrate
from merlin.sandbox.telegram.arguments import Upload

TEXT = "text/plain"


def yaml_of(question, answer):
    turns = (("user", question), ("assistant", answer))
    return Draft("", turns=turns).written()


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
        books.keep(dataset, f"tree-{len(texts)}-{hash(str(texts))}", blobs)
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
        before = self._ended()
        upload = Upload(name, TEXT, content.encode() if isinstance(content, str) else content)
        self.telegram.send_file(self.who, upload, kind=kind)
        return self._done(before)

    def forward(self, *said):
        """Forward what people said, all at once; return the bot's newest message."""
        before = self._ended()
        self.telegram.forward_words(self.who, list(said))
        return self._done(before + len(said) - 1)

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
        self.forge(f"ex:add:{short(dataset)}")
        self.say(question)
        self.say(answer)
        self.press("Готово ›")
        return self.press("Пропустить ›")
