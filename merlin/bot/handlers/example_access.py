"""Which datasets and examples a person may edit, and the draft that the dialog keeps.

Asked anew by every button and message: anybody can send any data, so that nothing is taken from a
keyboard but what is looked up here. A draft is kept over restarts; a new example's name is made of
its question and free.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from merlin.app import examples
from merlin.app.examples import ExampleView
from merlin.app.inbox import Dialog, Dialogs
from merlin.bot import menu
from merlin.bot.context import Act, BotContext, Handler
from merlin.bot.handlers import admin
from merlin.bot.menu import View
from merlin.core.errors import MerlinError, NotFound, Refused
from merlin.core.formatted_text import Button
from merlin.core.permissions import Permission
from merlin.dataset.changes import Editor, telegram_editor
from merlin.dataset.example import Example
from merlin.dataset.example_yaml import parse_example, reword_example, write_turns
from merlin.dataset.files import DatasetCard
from merlin.dataset.layout import example_id_of

USER, ASSISTANT = "user", "assistant"
Turns = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """A file as it shall be.

    `path` is within the dataset, "" for a new one; `before` the blob that the editor saw. A new
    example has `turns` (role and words), one that lies there has its `text`, each with another
    `question`, `answer` or `tags` where the editor gave some. `is_gone`: it is to be deleted.
    `proposal` is the correction that it comes from, `change` the conflict that it solves.
    """

    dataset: str
    path: str = ""
    before: str | None = None
    text: str = ""
    turns: Turns = ()
    question: str | None = None
    answer: str | None = None
    tags: tuple[str, ...] | None = None
    is_gone: bool = False
    proposal: int = 0
    change: str = ""

    @property
    def example_id(self) -> str:
        """Return the id that the path says, "" for a new one."""
        return example_id_of(self.path)

    @property
    def is_whole(self) -> bool:
        """Return whether the conversation so far ends with an answer."""
        return bool(self.turns) and self.turns[-1][0] == ASSISTANT

    def written(self) -> str | None:
        """Return the file's text, None to delete it. Raises Refused for words in a broken file."""
        if self.is_gone:
            return None
        if self.turns:
            return write_turns(self.turns, self.tags or ())
        if self.question is None and self.answer is None and self.tags is None:
            return self.text
        return reword_example(self.text, self.question, self.answer, self.tags)

    def then(self, role: str, words: str) -> Draft:
        """Return the draft with another turn."""
        return replace(self, turns=(*self.turns, (role, words)))

    def with_question(self, words: str) -> Draft:
        """Return the draft with another first question."""
        if not self.turns:
            return replace(self, question=words)
        first = next((i for i, (role, _) in enumerate(self.turns) if role == USER), 0)
        return self._with_turn(first, USER, words)

    def with_answer(self, words: str) -> Draft:
        """Return the draft with another last answer."""
        if not self.turns:
            return replace(self, answer=words)
        return self._with_turn(len(self.turns) - 1, ASSISTANT, words)

    def _with_turn(self, place: int, role: str, words: str) -> Draft:
        turns = list(self.turns)
        turns[place] = (role, words)
        return replace(self, turns=tuple(turns))

    def with_text(self, text: str) -> Draft:
        """Return the draft with another text as a whole."""
        return replace(self, text=text, turns=(), question=None, answer=None, tags=None)

    def example(self) -> Example | None:
        """Return the example that it says, None for one that cannot be read."""
        text = self.written()
        return None if text is None else parse_example(text)

    def to_json(self) -> dict[str, Any]:
        """Return the draft as JSON values."""
        return asdict(self)


def draft_of(kept: object) -> Draft | None:
    """Return the draft that a dialog keeps, None where it keeps none."""
    if not isinstance(kept, dict) or "dataset" not in kept:
        return None
    tags = kept["tags"]
    turns = tuple((str(role), str(words)) for role, words in kept["turns"])
    return Draft(**{**kept, "turns": turns, "tags": None if tags is None else tuple(tags)})


def draft_of_example(example: ExampleView, *, is_gone: bool = False) -> Draft:
    """Return the draft that changes or deletes an example."""
    text = example.text or ""
    return Draft(example.dataset, example.path, example.revision, text, is_gone=is_gone)


def conversation(said: Sequence[tuple[str, str]]) -> Turns:
    """Return what was said as turns: what one side says in a row is one turn."""
    turns: list[tuple[str, str]] = []
    for role, words in said:
        if turns and turns[-1][0] == role:
            turns[-1] = (role, f"{turns[-1][1]}\n\n{words}")
        else:
            turns.append((role, words))
    return tuple(turns)


VERB = "ex"
STEP = "ex-"


def editor_handler(act: Act) -> Handler:
    """Return the handler that shows what `act` says to those who may edit examples."""

    async def handle(context: BotContext) -> None:
        await show(context, lambda: act(with_current_dialog(context)))

    return handle


def with_current_dialog(context: BotContext) -> BotContext:
    """Return the context with the dialog as it is now: messages and buttons run side by side."""
    return replace(
        context, dialog=Dialogs(context.db, context.bot_id).get(context.chat_id, context.user_id)
    )


async def show(context: BotContext, act: Callable[[], View]) -> None:
    """Answer by what `act` says to those who may edit examples, and to nobody else."""
    await context.show(lambda: run_for_editor(context, act))


def run_for_editor(context: BotContext, act: Callable[[], View]) -> View:
    """Return what `act` says; a refusal to who may not, and the reason of what it raises."""
    if not may_edit(context):
        leave(context)
        return admin.admin_refusal(context)
    try:
        screen = context.store.apart(act)
    except MerlinError as error:
        return error_view(context, error)
    return replace(screen, is_new=screen.is_new or context.arguments[-1:] == (admin.ANEW,))


def may_edit(context: BotContext) -> bool:
    """Return whether the person may edit any examples, and here."""
    return context.is_private and admin.authority(context).may(Permission.EDIT_EXAMPLES)


def error_view(context: BotContext, error: MerlinError, *rows: tuple[Button, ...]) -> View:
    """Return what an error says: over the chat for a button, else as a message with `rows`."""
    return menu.error_view(context, error, *rows)


def datasets(context: BotContext) -> list[DatasetCard]:
    """Return the datasets that the person may edit, by name."""
    return examples.datasets(*admin.performer(context))


def dataset(context: BotContext, place: int = 1) -> str:
    """Return the dataset that a button names. Raises NotFound, also for one out of reach."""
    for each in datasets(context):
        if admin.short(each.name) == context.argument(place):
            return each.name
    raise NotFound("no such dataset", "admin-no-dataset")


def require_editing(context: BotContext, name: str) -> str:
    """Return the dataset's name where the person may edit it. Raises NotFound."""
    if not admin.authority(context).may(Permission.EDIT_EXAMPLES, name):
        raise NotFound("not theirs", "admin-no-dataset")
    return name


def require_editing_here(context: BotContext, name: str) -> str:
    """Return the dataset's name where the person may edit it, and here. Raises NotFound."""
    if not may_edit(context):
        raise NotFound("not theirs", "bot-button-old")
    return require_editing(context, name)


def example(context: BotContext) -> ExampleView:
    """Return the example that a button names behind its dataset. Raises NotFound."""
    name, mark = dataset(context), context.argument(2)
    for example_id in examples.ids(*admin.performer(context), name):
        if admin.short(example_id) == mark:
            return examples.get(*admin.performer(context), name, example_id)
    raise NotFound("no such example", "examples-gone")


def dialog_value(context: BotContext, name: str) -> Any:
    """Return what the dialog keeps under this name, None for nothing."""
    is_ours = context.dialog is not None and context.dialog.step.startswith(STEP)
    said_: Mapping[str, Any] = context.dialog.said if context.dialog and is_ours else {}
    return said_.get(name)


def draft(context: BotContext) -> Draft:
    """Return the draft that the dialog keeps. Raises NotFound for none, or one out of reach."""
    found = draft_of(dialog_value(context, "draft"))
    if found is None:
        raise NotFound("no draft", "examples-no-draft")
    require_editing(context, found.dataset)
    return found


def wait(context: BotContext, step: str, draft_: Draft | None = None, **more: object) -> None:
    """Wait for the next message at this step, and keep the draft."""
    values = {"draft": draft_.to_json()} if draft_ is not None else {}
    context.wait(Dialog(step, {**values, **more}))


def leave(context: BotContext) -> None:
    """Wait for no message about examples any more."""
    if context.dialog is not None and context.dialog.step.startswith(STEP):
        context.stop_waiting()


def require_step(context: BotContext, *steps: str) -> None:
    """Raise Refused unless the dialog stands at one of these steps."""
    if context.dialog is None or context.dialog.step not in steps:
        raise Refused("another step", "bot-button-old")


def editor(context: BotContext) -> Editor:
    """Return in whose name the person's commits are made."""
    return telegram_editor(context.user_id, context.sender_name)


def to(context: BotContext, key: str, *words: object, style: str = "") -> Button:
    """Return the button with the label `key` that leads to an action with its arguments."""
    return Button(context.translate(key), data(*words), style=style)


def data(*words: object) -> str:
    """Return a button's data."""
    return ":".join([VERB, *map(str, words)])


def exit_row(context: BotContext, *back: object) -> tuple[Button, ...]:
    """Return the row with Back and Cancel."""
    return (to(context, "button-back", *back), menu.button(context, "button-cancel", "cancel"))
