"""The stand-in's state: people, groups, messages with their history, updates, files, settings.

Every change goes through `World.record`: it is journaled, applied, and sent to the listeners. A
restart on the same folder replays the journal.

A group's id is negative.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from merlin.core.clock import iso, utc_now
from merlin.core.errors import NotFound
from merlin.sandbox.server import AppendLog
from merlin.sandbox.telegram.rich_messages import plain_text

BOT_ID = 8700000001
BOT_NAME = "merlin_stand_in_bot"
# In the format of a real token, so that log redaction recognises it.
TOKEN = f"{BOT_ID}:AA-the-token-of-the-stand-in-bot-1"


@dataclass(frozen=True, slots=True)
class Person:
    """A person who writes to the bot; tests and the page use `name`."""

    person_id: int
    name: str
    first_name: str
    language_code: str = "ru"

    @property
    def chat_id(self) -> int:
        """Return the id of the private chat with the bot."""
        return self.person_id

    def as_user(self) -> dict[str, Any]:
        """Return the User object."""
        return {
            "id": self.person_id,
            "is_bot": False,
            "first_name": self.first_name,
            "username": self.name,
            "language_code": self.language_code,
        }

    def as_chat(self) -> dict[str, Any]:
        """Return the Chat object of the private chat with the bot."""
        return {
            "id": self.person_id,
            "type": "private",
            "first_name": self.first_name,
            "username": self.name,
        }


_FIRST_NAMES = {"ru": ("Анна", "Борис", "Вера"), "en": ("Anna", "Boris", "Vera")}


def people_of(language: str) -> tuple[Person, ...]:
    """Return the three people, with their names and Telegram in this language."""
    rows = zip(
        (1001, 1002, 1003),
        ("anna", "boris", "vera"),
        _FIRST_NAMES[language],
        strict=True,
    )
    return tuple(Person(*fields, language) for fields in rows)


PEOPLE = ANNA, BORIS, VERA = people_of("ru")


def bot_user() -> dict[str, Any]:
    """Return the bot's User object."""
    return {"id": BOT_ID, "is_bot": True, "first_name": "Merlin", "username": BOT_NAME}


# Statuses of members who can read and write.
MEMBER_STATUSES = frozenset({"creator", "administrator", "member"})
ADMIN_STATUSES = frozenset({"creator", "administrator"})


@dataclass(frozen=True, slots=True)
class Group:
    """A group chat; tests and the page use `name`.

    `members` are (user id, ChatMember status), including the bot.
    """

    group_id: int
    name: str
    title: str
    members: tuple[tuple[int, str], ...]
    kind: str = "group"

    @property
    def chat_id(self) -> int:
        """Return the chat's id."""
        return self.group_id

    def as_chat(self) -> dict[str, Any]:
        """Return the Chat object."""
        return {"id": self.group_id, "type": self.kind, "title": self.title}

    def status(self, user_id: int) -> str:
        """Return a user's ChatMember status; "left" for somebody who never joined."""
        return dict(self.members).get(user_id, "left")


Chat = Person | Group


_EVERYBODY = (
    (BORIS.person_id, "creator"),
    (VERA.person_id, "administrator"),
    (ANNA.person_id, "member"),
    (BOT_ID, "member"),
)
STUDY = Group(-4_000_000_001, "study", "Учебная группа", _EVERYBODY)
_STUDY_TITLES = {"ru": STUDY.title, "en": "Study group"}


@dataclass(frozen=True, slots=True)
class LoggedMessage:
    """A message as it is now (a Message object), with all its versions, oldest first.

    Each version has its time `at` (ISO 8601), its `text`, caption or a rich message's words, and
    its `keys`.
    """

    message: Mapping[str, Any]
    versions: tuple[Mapping[str, Any], ...]

    @property
    def message_id(self) -> int:
        """Return the message's id."""
        return int(self.message["message_id"])

    @property
    def by_bot(self) -> bool:
        """Return whether the bot sent it."""
        return bool(self.message["from"]["is_bot"])

    @property
    def text(self) -> str:
        """Return the current text, caption or words of a rich message."""
        return str(self.versions[-1]["text"])

    @property
    def thread(self) -> int:
        """Return its topic, 0 outside topics."""
        in_topic = self.message.get("is_topic_message")
        return int(self.message["message_thread_id"]) if in_topic else 0

    def as_json(self) -> dict[str, Any]:
        """Return its entry in `/control/log`."""
        return {
            "message": self.message,
            "by_bot": self.by_bot,
            "versions": self.versions,
        }


def _version(at: str, message: Mapping[str, Any]) -> dict[str, Any]:
    rich_text = plain_text(message.get("rich_message", ""))
    content = message.get("text", message.get("caption", rich_text))
    return {"at": at, "text": content, "keys": message.get("reply_markup")}


DRAFT_LIFE_S = 30.0


@dataclass(frozen=True, slots=True)
class MessageDraft:
    """A draft of the bot in a private chat or its topic; no message, and never journaled.

    `content` has a Message's `text` with `entities`, or its `rich_message`.
    """

    chat_id: int
    thread: int
    draft_id: int
    content: Mapping[str, Any]
    can_stop: bool
    keep_on_stop: bool
    at: float = field(default_factory=time.monotonic)

    @property
    def text(self) -> str:
        """Return its words."""
        return str(_version("", self.content)["text"])


Listener = Callable[[str, Mapping[str, Any]], None]


@dataclass(slots=True)
class Query:
    """A callback or pre-checkout query."""

    kind: str
    person_id: int
    asked_at: float
    update: Mapping[str, Any]
    answered: bool = False


@dataclass(slots=True)
class World:
    """The state of one stand-in. Used only by the server's thread."""

    folder: Path | None = None
    language: str = "ru"
    people: dict[int, Person] = field(default_factory=dict)
    groups: dict[int, Group] = field(default_factory=dict)
    messages: dict[int, dict[int, LoggedMessage]] = field(default_factory=dict)
    updates: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    queries: dict[str, Query] = field(default_factory=dict)
    files: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    # StarTransaction objects, oldest first.
    transactions: list[dict[str, Any]] = field(default_factory=list)
    # Invoices behind links by the link's end; subscriptions by their first payment.
    invoices: dict[str, dict[str, Any]] = field(default_factory=dict)
    subscriptions: dict[str, dict[str, Any]] = field(default_factory=dict)
    # Of the invoice of each pre-checkout query: `chat_id` and `message_id`, or `period`.
    checkouts: dict[str, dict[str, Any]] = field(default_factory=dict)
    # The newest draft of each chat and topic.
    drafts: dict[tuple[int, int], MessageDraft] = field(default_factory=dict)
    draft_life_s: float = DRAFT_LIFE_S
    listeners: list[Listener] = field(default_factory=list)
    last_message_id: int = 0
    # Starts at the current time, so that a new stand-in without a folder repeats no update_id.
    last_update_id: int = field(default_factory=lambda: int(time.time()))
    _journal: AppendLog = field(init=False)

    def __post_init__(self) -> None:
        self._journal = AppendLog(self.folder, "telegram.jsonl")
        self.set_language(self.language)
        study = replace(STUDY, title=_STUDY_TITLES[self.language])
        self.groups[study.group_id] = study
        for line in self._journal.replay():
            self._apply(line.pop("kind"), line)

    def set_language(self, language: str) -> None:
        """Set the three people's Telegram language and their names in it."""
        self.people.update({person.person_id: person for person in people_of(language)})

    def record(self, kind: str, **change: Any) -> None:
        """Make one change: journal it, apply it, notify the listeners."""
        self._journal.append({"kind": kind, **change})
        self._apply(kind, change)
        self.notify(kind, change)

    def notify(self, kind: str, change: Mapping[str, Any]) -> None:
        """Notify the listeners of an event that is not stored."""
        for listener in list(self.listeners):
            listener(kind, change)

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

    def _apply(self, kind: str, change: Mapping[str, Any]) -> None:
        getattr(self, f"_apply_{kind}")(**change)

    def _apply_message(self, message: dict[str, Any], at: str) -> None:
        chat_id = message["chat"]["id"]
        message_id = message["message_id"]
        logged = LoggedMessage(message, (_version(at, message),))
        self.messages.setdefault(chat_id, {})[message_id] = logged
        self.drafts.pop((chat_id, logged.thread), None)
        self.last_message_id = max(self.last_message_id, message_id)

    def _apply_edit(self, message: dict[str, Any], at: str) -> None:
        chat = self.messages[message["chat"]["id"]]
        old = chat[message["message_id"]]
        versions = (*old.versions, _version(at, message))
        chat[message["message_id"]] = replace(old, message=message, versions=versions)

    def _apply_update(self, update: dict[str, Any], at: float) -> None:
        self.last_update_id = max(self.last_update_id, update["update_id"])
        self.updates[update["update_id"]] = update
        for kind in ("callback_query", "pre_checkout_query"):
            if kind in update:
                query = update[kind]
                self.queries[query["id"]] = Query(kind, query["from"]["id"], at, query)

    def _apply_confirm(self, update_ids: list[int]) -> None:
        for update_id in update_ids:
            self.updates.pop(update_id, None)

    def _apply_answered(self, query_id: str) -> None:
        self.queries[query_id].answered = True

    def _apply_file(self, file: dict[str, Any]) -> None:
        self.files[file["file_id"]] = file

    def _apply_setting(self, name: str, value: Any) -> None:
        self.settings[name] = value

    def _apply_person(self, person_id: int) -> None:
        # One more person, who speaks English; for tests with many people.
        self.people[person_id] = Person(
            person_id, f"person{person_id}", f"N{person_id}", "en"
        )

    def _apply_transaction(self, transaction: dict[str, Any]) -> None:
        self.transactions.append(transaction)

    def _apply_invoice(self, slug: str, invoice: dict[str, Any]) -> None:
        self.invoices[slug] = invoice

    def _apply_subscription(self, first: str, subscription: dict[str, Any]) -> None:
        self.subscriptions[first] = subscription

    def _apply_checkout(self, query_id: str, about: dict[str, Any]) -> None:
        self.checkouts[query_id] = about

    def person(self, who: str | int) -> Person:
        """Return the person of this name or id; an unknown number creates a person.

        Raises NotFound for an unknown name.
        """
        if not str(who).isdecimal():
            for person in self.people.values():
                if person.name == who:
                    return person
            raise NotFound(f"no user is called {who}")
        person_id = int(who)
        if person_id not in self.people:
            self.record("person", person_id=person_id)
        return self.people[person_id]

    def group(self, name: str) -> Group:
        """Return the group of this name or id. Raises NotFound."""
        for group in self.groups.values():
            if name in (group.name, str(group.group_id)):
                return group
        raise NotFound(f"no group is called {name}")

    def chat(self, chat_id: int) -> Chat | None:
        """Return the chat of this id, None when there is none."""
        return self.groups.get(chat_id) if chat_id < 0 else self.people.get(chat_id)

    def post(
        self, chat: Chat, sender: Mapping[str, Any], **content: Any
    ) -> dict[str, Any]:
        """Store a new message of a chat; return it as a Message object."""
        message = {
            "message_id": self.last_message_id + 1,
            "from": sender,
            "chat": chat.as_chat(),
            "date": int(time.time()),
            **content,
        }
        self.record("message", message=message, at=iso(utc_now()))
        return message

    def show_draft(self, draft: MessageDraft) -> None:
        """Replace the draft of its chat and topic."""
        self.drafts[draft.chat_id, draft.thread] = draft
        self.notify("draft", asdict(draft))

    def find_draft(self, chat_id: int, thread: int) -> MessageDraft | None:
        """Return the draft that a chat or its topic shows."""
        draft = self.drafts.get((chat_id, thread))
        is_alive = draft and time.monotonic() - draft.at < self.draft_life_s
        return draft if is_alive else None

    def add_update(self, kind: str, body: Mapping[str, Any]) -> int:
        """Queue an update for the bot, if it wants this kind; return its update_id."""
        self.last_update_id += 1
        update = {"update_id": self.last_update_id, kind: body}
        if kind in self.settings.get("allowed_updates", DEFAULT_UPDATES):
            self.record("update", update=update, at=time.time())
        return self.last_update_id

    def store_edit(self, message: dict[str, Any]) -> None:
        """Store a message's new state."""
        self.record("edit", message=message, at=iso(utc_now()))

    def store_file(self, file: Mapping[str, Any], content: bytes) -> None:
        """Store a file: its content first, then its description."""
        self._journal.store(file["file_id"], content)
        self.record("file", file=file)

    def content(self, file_id: str) -> bytes:
        """Return a stored file's bytes."""
        return self._journal.read(file_id)


# The kinds of updates that getUpdates returns by default.
DEFAULT_UPDATES = (
    "message",
    "callback_query",
    "pre_checkout_query",
    "my_chat_member",
)
