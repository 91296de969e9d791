"""An example is written in three steps, picked from a forwarded chat, or put in other words.

    question -> answer -> proof (Save); tags, mark, other wording, further turns from there
    forward messages (a step) -> marks, toggled one by one; more may be forwarded -> proof,
                                 or each question with its answer as an example of its own

In a forwarded chat who asked and who answered is marked by buttons. Long words come as a file.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from merlin.app import answer_changes
from merlin.app.answer_changes import AnswerChange, AnswerChangeKind
from merlin.app.changes import DatasetFiles
from merlin.app.inbox import Update, json_object
from merlin.bot import menu
from merlin.bot.context import Act, BotContext, Handler
from merlin.bot.handlers import admin
from merlin.bot.handlers.example_proof import (
    ASSISTANT,
    PROOF,
    USER,
    Draft,
    DraftTurns,
    ask,
    chosen_dataset,
    chosen_example,
    conversation,
    current_draft,
    dataset_title,
    dialog_value,
    draft_of_example,
    editor_handler,
    edits_of,
    require_editing,
    require_editing_here,
    require_step,
    said_lines,
    show_screen,
)
from merlin.bot.handlers.prompts import fetch
from merlin.bot.menu import PAGE_SIZE, View
from merlin.core.errors import MerlinError, NotFound, Refused
from merlin.core.formatted_text import Attachment, Button, FormattedMessage, utf16_length
from merlin.dataset.changes import Edit
from merlin.dataset.layout import Limits

QUESTION, ANSWER, TAGS = "ex-question", "ex-answer", "ex-tags"
MAX_TURNS = 60
_SHOWN_TURNS = 6
_TURN_LETTERS = 300
_SEPARATORS = re.compile(r"[,;\s]+")


def add(context: BotContext) -> View:
    """Begin a new example."""
    return _ask(context, Draft(chosen_dataset(context)))


def _ask(context: BotContext, draft: Draft) -> View:
    """Ask for the turn that comes next."""
    if draft.turns:
        return _ask_turn(context, draft, ANSWER, "ex:unturn")
    return _ask_turn(context, draft, QUESTION, f"ex:ds:{admin.short(draft.dataset)}")


def ask_answer(context: BotContext, draft: Draft, back: str, other: menu.RowOf) -> View:
    """Ask for the answer to the question that a draft has, with another way out."""
    return _ask_turn(context, draft, ANSWER, back, (other,))


def _ask_turn(
    context: BotContext, draft: Draft, step: str, back: str, rows: menu.Rows = ()
) -> View:
    """Show the newest turns, short, and ask for what comes at this step."""
    shown = draft.turns[-_SHOWN_TURNS:]
    lines = said_lines([(role, menu.cut(words, _TURN_LETTERS)) for role, words in shown])
    so_far = "\n".join(["…", *lines] if len(shown) < len(draft.turns) else lines)
    title = context.translate("examples-proof-new", dataset=dataset_title(context, draft.dataset))
    words = context.translate(_ASKED_BY[step])
    return ask(context, step, title, so_far, words, back=back, draft=draft, rows=rows)


_ASKED_BY = {QUESTION: "examples-ask-question", ANSWER: "examples-ask-answer"}


def take_question(context: BotContext) -> View:
    """Take the user's words; what is forwarded as the first of them is a chat to be marked."""
    draft = current_draft(context)
    if context.is_forwarded and not draft.turns:
        heard = _said(context, [])[:MAX_MESSAGES]
        return _forwarded_view(context, draft.dataset, heard, (len(heard) - 1) // PAGE_SIZE)
    return _ask(context, _with_turn(draft, USER, context.text))


def answered_draft(context: BotContext) -> Draft:
    """Return the draft with the assistant's words."""
    return _with_turn(current_draft(context), ASSISTANT, context.text)


def _with_turn(draft: Draft, role: str, text: str) -> Draft:
    return replace(draft, turns=(*draft.turns, (role, text.strip())))


def turn(context: BotContext) -> View:
    """Ask for a further question."""
    require_step(context, PROOF)
    draft = current_draft(context)
    if len(draft.turns) >= MAX_TURNS:
        raise Refused("too many turns", "examples-many-turns", most=MAX_TURNS)
    return _ask_turn(context, draft, QUESTION, "ex:look")


def unturn(context: BotContext) -> View:
    """Take the last turn back, and ask for it again."""
    require_step(context, QUESTION, ANSWER, PROOF)
    draft = current_draft(context)
    return _ask(context, replace(draft, turns=draft.turns[:-1]))


PICK = "ex-pick"
MAX_MESSAGES = 60
_LABEL = 48
_NEXT = {USER: ASSISTANT, ASSISTANT: "", "": USER}
_SIGNS = {USER: "👤", ASSISTANT: "🤖", "": "▫️"}
# What was said in the forwarded chat: `who`, `words`, and the `role` that it is marked with.
Heard = Mapping[str, Any]


def collect(context: BotContext) -> View:
    """Ask for a forwarded chat."""
    return _forwarded_view(context, chosen_dataset(context), [], 0)


def _forwarded_view(
    context: BotContext, name: str, heard: Sequence[Heard], wanted: int, note: str = ""
) -> View:
    """Show who said what, to be marked, and wait for more."""
    title = context.translate("examples-proof-new", dataset=dataset_title(context, name))
    text = "examples-ask-forward"
    rows: list[menu.RowOf] = []
    if heard:
        places, page = menu.paginate(range(len(heard)), wanted)
        for place in places:
            line = " ".join(str(heard[place]["words"]).split())
            label = f"{_SIGNS[heard[place]['role']]} {menu.cut(line, _LABEL)}"
            rows.append(Button(label, f"ex:pick:{place}:{page}"))
        rows += menu.page_buttons("ex:picks", page, len(heard))
        count = len(_pairs(heard))
        many = context.translate("examples-as-many", count=count)
        several = count > 1 and Button(many, "ex:pairs", style="primary")
        rows.append((("examples-as-one", "ex:picked", "" if several else "primary"), several))
        text = "examples-pick-words"
    kept, back = {"dataset": name, "heard": list(heard)}, f"ex:ds:{admin.short(name)}"
    parts = (note, context.translate(text))
    return ask(context, PICK, title, *parts, back=back, rows=rows, kept=kept)


def _forwarded(context: BotContext) -> tuple[str, list[Heard]]:
    """Return the dataset and what was forwarded. Raises NotFound, Refused for another step."""
    require_step(context, PICK)
    name = require_editing(context, str(dialog_value(context, "dataset")))
    return name, list(dialog_value(context, "heard") or [])


def take_forwarded(context: BotContext) -> View:
    """Take what was forwarded; of anything else say that nothing of the rest is lost."""
    name, before = _forwarded(context)
    new = _said(context, before) if context.is_forwarded else []
    every = [*before, *new][:MAX_MESSAGES]
    note = ""
    if not new:
        note = context.translate("examples-forward-wanted")
    elif len(before) + len(new) > MAX_MESSAGES:
        note = context.translate("examples-forward-full", most=MAX_MESSAGES)
    return _forwarded_view(context, name, every, (len(every) - 1) // PAGE_SIZE, note)


def _said(context: BotContext, before: Sequence[Heard]) -> list[Heard]:
    """Return the messages with who probably said them: the first to speak asks."""
    messages: list[Heard] = []
    for update in (context.stored, *context.joined):
        message = json_object(update.body, "message")
        words = message.get("text") or message.get("caption")
        if not isinstance(words, str) or not words.strip():
            continue
        who, is_bot = author(update)
        first = next((each["who"] for each in [*before, *messages]), who)
        role = ASSISTANT if is_bot or who != first else USER
        messages.append({"who": who, "words": words, "role": role})
    return messages


def author(update: Update) -> tuple[str, bool]:
    """Return who wrote a forwarded message, and whether that was a bot.

    Source: the Bot API, MessageOrigin.
    """
    origin = json_object(json_object(update.body, "message"), "forward_origin")
    sender = json_object(origin, "sender_user")
    if sender:
        return f"user {sender.get('id')}", sender.get("is_bot") is True
    chat = json_object(origin, "sender_chat") or json_object(origin, "chat")
    if chat:
        return f"chat {chat.get('id')}", False
    return f"name {origin.get('sender_user_name', '')}", False


def picks(context: BotContext) -> View:
    """Show another page of the messages."""
    name, messages = _forwarded(context)
    return _forwarded_view(context, name, messages, context.number(1))


def pick(context: BotContext) -> View:
    """Mark one message as the next thing: a question, an answer, or left out."""
    name, messages = _forwarded(context)
    place = context.number(1)
    if place >= len(messages):
        raise NotFound("no such message", "bot-button-old")
    message = messages[place]
    messages[place] = {**message, "role": _NEXT[message["role"]]}
    return _forwarded_view(context, name, messages, context.number(2))


def picked_draft(context: BotContext) -> Draft:
    """Return the draft of what was picked."""
    name, messages = _forwarded(context)
    picked = _picked(messages)
    if not picked:
        raise Refused("nothing picked", "examples-forward-none")
    return Draft(name, turns=picked)


def _picked(messages: Sequence[Heard]) -> DraftTurns:
    return conversation(
        [(message["role"], message["words"]) for message in messages if message["role"]]
    )


def _pairs(messages: Sequence[Heard]) -> list[DraftTurns]:
    """Return each question with the answer that follows it."""
    picked = _picked(messages)
    return [(one, two) for one, two in pairwise(picked) if (one[0], two[0]) == (USER, ASSISTANT)]


def picked_table(context: BotContext) -> tuple[str, str]:
    """Return the dataset and the pairs that were picked, a JSON object each. Raises NotFound."""
    name, messages = _forwarded(context)
    chats = [
        {"messages": [{"role": role, "content": words} for role, words in pair]}
        for pair in _pairs(messages)
    ]
    return name, "\n".join(json.dumps(chat, ensure_ascii=False) for chat in chats)


REWORD = "ex-reword"
# What of a text one message shows whole.
_SHOWN_UNITS = 3000
_KEYS: Mapping[str, str] = {
    "q": "examples-reword-question",
    "a": "examples-reword-answer",
    "t": "examples-reword-tags",
    "y": "examples-reword-whole",
}


def edit(context: BotContext) -> View:
    """Ask for other words in an example that lies there."""
    draft = draft_of_example(chosen_example(context))
    back = f"ex:one:{admin.short(draft.dataset)}:{admin.short(draft.example_id)}"
    return ask_words(context, draft, context.argument(3), back)


def ask_words(context: BotContext, draft: Draft, field: str, back: str) -> View:
    """Ask for the words of one field; what they are now can be copied."""
    if field not in _KEYS or draft.is_gone or (draft.proposal and field == "y"):
        raise Refused("no such field", "bot-button-old")
    now, kind = _now(draft, field), "yaml" if field == "y" else ""
    title = context.translate(_KEYS[field])
    hint = context.translate(f"examples-reword-hint-{field}")
    is_short = utf16_length(now) <= _SHOWN_UNITS
    parts = (menu.CodeBlock(now, kind), hint) if is_short else (hint,)
    no_tags = field == "t" and bool(now) and ("examples-no-tags", "ex:untag")
    kept, rows = {"field": field}, (no_tags,)
    view = ask(context, REWORD, title, *parts, back=back, draft=draft, rows=rows, kept=kept)
    if is_short:
        return view
    file = Attachment(f"{field}.{kind or 'txt'}", menu.printable(now).encode())
    buttons = view.page.buttons if view.page else ()
    return View(FormattedMessage(f"{title}\n\n{hint}", buttons=buttons, file=file), is_new=True)


def _now(draft: Draft, field: str) -> str:
    """Return what stands there now. Raises Refused where the file cannot be read."""
    if field == "y":
        return draft.written() or ""
    if draft.turns and field == "a":
        return draft.turns[-1][1]
    if draft.turns and field == "q":
        return next((words for role, words in draft.turns if role == USER), "")
    tags = None if draft.tags is None else ", ".join(draft.tags)
    given = {"q": draft.question, "a": draft.answer, "t": tags}[field]
    if given is not None:
        return given
    example = replace(draft, question=None, answer=None, tags=None).example()
    if example is not None:
        return {"q": example.question, "a": example.answer, "t": ", ".join(example.tags)}[field]
    if field == "t" and draft.turns:
        return ""
    raise Refused("the example is broken", "examples-broken")


def reword_draft(draft: Draft, field: str, message: str) -> Draft:
    """Return the draft with other words of a field: q (first question), a (last answer), t, y."""
    if field == "t":
        tags = (each.strip("#") for each in _SEPARATORS.split(message))
        return replace(draft, tags=tuple(dict.fromkeys(filter(None, tags))))
    if field not in ("q", "a"):
        text = message if message.endswith("\n") else f"{message}\n"
        return replace(draft, text=text, turns=(), question=None, answer=None, tags=None)
    message = message.strip()
    if not draft.turns:
        is_question = field == "q"
        return replace(draft, question=message) if is_question else replace(draft, answer=message)
    place, role, turns = -1, ASSISTANT, list(draft.turns)
    if field == "q":
        place = next((i for i, (role, _) in enumerate(turns) if role == USER), 0)
        role = USER
    turns[place] = (role, message)
    return replace(draft, turns=tuple(turns))


def whole_file(context: BotContext) -> View:
    """Send the draft's file."""
    draft = current_draft(context)
    written = draft.written()
    content = menu.printable(draft.text if written is None else written).encode()
    if not content:
        raise Refused("nothing written", "examples-no-draft")
    name = f"{draft.example_id.rpartition('/')[2] or 'example'}.yaml"
    return View(FormattedMessage("", file=Attachment(name, content)), is_new=True)


# More than any provider takes as one example.
MAX_CHARACTERS = 200_000


def words_handler(act: Act | Handler) -> Handler:
    """Return the handler of a step that waits for words: they are the text that `act` finds.

    Without words the person is told so.
    """
    take = editor_handler(act)

    async def handle(context: BotContext) -> None:
        try:
            words = await read_words(context)
        except MerlinError as error:
            reason = error
            await show_screen(context, lambda: menu.error_view(context, reason, menu.CANCEL))
            return
        await take(replace(context, text=words))

    return handle


async def read_words(context: BotContext) -> str:
    """Return the words of a message or of a text file. Raises Refused for anything else."""
    words = context.text
    if context.sent is not None:
        if context.sent.kind != "document":
            raise Refused("no words", "examples-words-wanted")
        content = await fetch(context, context.sent.file_id, Limits().file_bytes)
        try:
            words = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            words = ""
        if "\0" in words:
            raise Refused("no text", "examples-words-wanted")
    if not words.strip():
        raise Refused("no words", "examples-words-wanted")
    if len(words) > MAX_CHARACTERS:
        raise Refused("too long", "examples-too-long", most=MAX_CHARACTERS)
    return words


_MAX_CHANGES = 5
_WORDS = 160
_KINDS = {
    AnswerChangeKind.NEW: "➕",
    AnswerChangeKind.LOST: "➖",
    AnswerChangeKind.OTHER: "🔁",
}


async def compare_answers(context: BotContext) -> None:
    """Show which answers the draft that was shown would change."""
    ctx = context.services

    def read() -> tuple[DatasetFiles, Sequence[str], Sequence[Edit]]:
        require_editing_here(context, (draft := current_draft(context)).dataset)
        plan = answer_changes.plan_comparison(ctx, admin.actor(context), draft.dataset)
        return *plan, edits_of(context, draft)

    files, questions, edits = await context.store.read(read)
    compare = answer_changes.compare_answers
    comparison = await asyncio.to_thread(compare, ctx, files, questions, edits, context.language)

    def view() -> View:
        key, counts = comparison.summary
        lines = [_answer_change(context, change) for change in comparison.changes[:_MAX_CHANGES]]
        if len(comparison.changes) > _MAX_CHANGES:
            more = len(comparison.changes) - _MAX_CHANGES
            lines.append(context.translate("examples-more", count=more))
        estimate = context.translate("page-answers-estimate") if comparison.is_estimate else ""
        title, words = context.translate("page-answers"), context.translate(key, **counts)
        return menu.card(context, title, words, *lines, estimate, rows=(menu.back("ex:look"),))

    await show_screen(context, view)


def _answer_change(context: BotContext, each: AnswerChange) -> str:
    words = [each.before, each.after]
    before, after = (
        menu.cut(" ".join(one.split()) or context.translate("page-answers-unknown"), _WORDS)
        for one in words
    )
    return f"{_KINDS[each.kind]} {menu.cut(each.question, _WORDS)}\n{before}\n→ {after}"
