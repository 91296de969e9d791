"""Dialogs that write an example: in steps, from a forwarded chat, or by rewording.

    question -> answer -> proof (Save); tags, test mark, second wording, more turns from there
    forward messages (a step) -> set the role of each by buttons; more may be forwarded -> proof,
                                 or one example for each question with its answer

Long texts are sent as files.
"""

import asyncio
import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

from merlin.app import answer_changes
from merlin.app.answer_changes import AnswerChange, AnswerChangeKind
from merlin.app.changes import DatasetFiles
from merlin.app.inbox import ASIDE, Dialog, Update
from merlin.app.permissions import require_editing
from merlin.bot import menu
from merlin.bot.context import Act, BotContext, Handler
from merlin.bot.handlers import example_proof as proof
from merlin.bot.handlers.prompts import fetch
from merlin.bot.menu import PAGE_SIZE, View
from merlin.bot.registry import Handlers
from merlin.bot.rendering import dataset_title
from merlin.core.errors import NotFound, Refused
from merlin.core.formatted_text import (
    Attachment,
    Button,
    FormattedMessage,
    shorten_text,
    utf16_length,
)
from merlin.core.i18n import cut
from merlin.core.json_fields import get_object, get_text
from merlin.core.permissions import Permission
from merlin.dataset.changes import Edit
from merlin.dataset.import_lines import split_tags
from merlin.dataset.yaml_io import MAX_FILE_BYTES

handlers = Handlers(Permission.EDIT_EXAMPLES)
QUESTION, ANSWER, WORDING = "ex-question", "ex-answer", "ex-wording"
MAX_TURNS = 60
_MAX_SHOWN_TURNS = 6
_TURN_LENGTH = 300


def text_handler(act: Act | Handler) -> Handler:
    """Return a handler of a step that expects text: it calls `act` with the text in the context.

    Without a text an error is shown.
    """

    async def handle(context: BotContext) -> None:
        text = await read_text(context)
        if inspect.iscoroutinefunction(act):
            await act(replace(context, text=text))
        else:
            await proof.show_screen(replace(context, text=text), cast("Act", act))

    return handle


@handlers.button("ex:add")
def ask_question(context: BotContext) -> View:
    """Start a new example."""
    return _ask_next(context, proof.Draft(proof.require_chosen_dataset(context)))


def _ask_next(context: BotContext, draft: proof.Draft) -> View:
    """Ask for the next turn of a draft: the answer to its last question, or a question."""
    if not draft.turns:
        return ask_text(context, draft, QUESTION, f"ex:ds:{menu.short_hash(draft.dataset)}")
    if draft.turns[-1][0] == proof.ASSISTANT:
        return ask_text(context, draft, QUESTION, "ex:look")
    return ask_text(context, draft, ANSWER, "ex:unturn")


def ask_text(
    context: BotContext, draft: proof.Draft, step: str, back: str, rows: menu.Rows = ()
) -> View:
    """Show the newest turns, shortened, and ask for the text of this step."""
    newest = draft.turns[-_MAX_SHOWN_TURNS:]
    lines = proof.turn_lines([(role, cut(content, _TURN_LENGTH)) for role, content in newest])
    conversation_text = "\n".join(["…", *lines] if len(newest) < len(draft.turns) else lines)
    title = context.translate("examples-preview-new", dataset=dataset_title(context, draft.dataset))
    prompt = context.translate(_PROMPTS[step])
    return proof.ask(
        context, step, title, conversation_text, prompt, back=back, draft=draft, rows=rows
    )


_PROMPTS = {QUESTION: "examples-ask-question", ANSWER: "examples-ask-answer"}


def take_question(context: BotContext) -> View:
    """Add the question to the draft; forwarded first messages become a chat whose roles are set."""
    draft = proof.require_current_draft(context)
    if context.is_forwarded and not draft.turns:
        messages = _read_messages(context, [])[:MAX_MESSAGES]
        return _build_forwarded_view(
            context, draft.dataset, messages, (len(messages) - 1) // PAGE_SIZE
        )
    return _ask_next(context, _with_turn(draft, proof.USER, context.text))


@handlers.step(ANSWER)
@text_handler
@proof.make_handler
def add_answer_to_draft(context: BotContext) -> proof.Draft:
    """Return the draft with the answer."""
    return _with_turn(proof.require_current_draft(context), proof.ASSISTANT, context.text)


def _with_turn(draft: proof.Draft, role: str, text: str) -> proof.Draft:
    return replace(draft, turns=(*draft.turns, (role, text.strip())))


@handlers.button("ex:turn")
def ask_turn(context: BotContext) -> View:
    """Ask for another question."""
    proof.require_step(context, proof.PROOF)
    draft = proof.require_current_draft(context)
    if len(draft.turns) >= MAX_TURNS:
        raise Refused("too many turns", "examples-many-turns", most=MAX_TURNS)
    return ask_text(context, draft, QUESTION, "ex:look")


@handlers.button("ex:unturn")
def undo_turn(context: BotContext) -> View:
    """Remove the last turn and ask for it again."""
    proof.require_step(context, QUESTION, ANSWER, proof.PROOF)
    draft = proof.require_current_draft(context)
    return _ask_next(context, replace(draft, turns=draft.turns[:-1]))


@handlers.button("ex:return")
async def return_to_draft(context: BotContext) -> None:
    """Continue the draft that was set aside; one that is open is set aside instead."""

    def swap() -> Dialog | None:
        left, current = context.dialogs.get(ASIDE, context.user_id), context.read_dialog()
        if left is None:
            return current
        if current is not None and current.has_draft:
            context.dialogs.put(ASIDE, context.user_id, current)
        else:
            context.dialogs.end(ASIDE, context.user_id)
        context.wait(left)
        return left

    context = replace(context, dialog=await context.store.do(swap))
    draft = proof.draft_of(proof.dialog_value(context, "draft"))
    if context.step == PICK:
        await proof.show_screen(context, show_messages)
    elif draft is not None and draft.turns and draft.turns[-1][0] == proof.USER:
        await proof.show_screen(context, lambda context: _ask_next(context, draft))
    else:
        await proof.show_proof(context, proof.require_current_draft)


@handlers.button("ex:discard")
def discard_draft(context: BotContext) -> View:
    """Delete the draft that was set aside. Raises NotFound if another one is by now."""
    left = context.dialogs.get(ASIDE, context.user_id)
    if left is None or left.asked_by != context.number(1):
        raise NotFound("no draft", "examples-no-draft")
    context.dialogs.end(ASIDE, context.user_id)
    return menu.text_view(context, "examples-cancelled")


@handlers.button("ex:wording")
def ask_wording(context: BotContext) -> View:
    """Ask for a second wording of a new example's question."""
    proof.require_step(context, proof.PROOF)
    title = context.translate("examples-wording")
    text = context.translate("examples-ask-wording")
    return proof.ask(
        context, WORDING, title, text, back="ex:look", draft=proof.require_current_draft(context)
    )


@handlers.step(WORDING)
@text_handler
@proof.make_handler
def worded_draft(context: BotContext) -> proof.Draft:
    """Return the draft with the second wording. Raises Refused if it equals the question."""
    draft, text = proof.require_current_draft(context), context.text.strip()
    if text in {content for _, content in draft.turns}:
        raise Refused("the same words", "examples-wording-same")
    return replace(draft, wording=text)


PICK = "ex-pick"
MAX_MESSAGES = 60
_LABEL_LENGTH = 48
_NEXT_ROLE = {proof.USER: proof.ASSISTANT, proof.ASSISTANT: "", "": proof.USER}
_SIGNS = {proof.USER: "👤", proof.ASSISTANT: "🤖", "": "▫️"}
# A message of the forwarded chat: `who` sent it, its text as `words`, and its `role`.
ForwardedMessage = Mapping[str, Any]


@handlers.button("ex:fwd")
def ask_forwarded(context: BotContext) -> View:
    """Ask for a forwarded chat."""
    return _build_forwarded_view(context, proof.require_chosen_dataset(context), [], 0)


def _build_forwarded_view(
    context: BotContext,
    name: str,
    messages: Sequence[ForwardedMessage],
    requested_page: int,
    note: str = "",
) -> View:
    """Show the messages with their roles, and wait for more."""
    title = context.translate("examples-preview-new", dataset=dataset_title(context, name))
    hint_key = "examples-ask-forward"
    rows: list[menu.RowOf] = []
    if messages:
        indexes, page = menu.paginate(range(len(messages)), requested_page)
        for index in indexes:
            words = shorten_text(str(messages[index]["words"]), _LABEL_LENGTH)
            label = f"{_SIGNS[messages[index]['role']]} {words}"
            rows.append(Button(label, f"ex:pick:{index}:{page}"))
        rows += menu.page_buttons("ex:picks", page, len(messages))
        count = len(_pairs(messages))
        pairs_label = context.translate("examples-as-many", count=count)
        pairs_button = count > 1 and Button(pairs_label, "ex:pairs", style="primary")
        rows.append(
            (("examples-as-one", "ex:picked", "" if pairs_button else "primary"), pairs_button)
        )
        hint_key = "examples-pick-hint"
    values, back = {"dataset": name, "heard": list(messages)}, f"ex:ds:{menu.short_hash(name)}"
    parts = (note, context.translate(hint_key))
    return proof.ask(context, PICK, title, *parts, back=back, rows=rows, values=values)


def _read_forwarded_messages(context: BotContext) -> tuple[str, list[ForwardedMessage]]:
    """Return the dataset and the forwarded messages. Raises NotFound, Refused at another step."""
    proof.require_step(context, PICK)
    name = str(proof.dialog_value(context, "dataset"))
    require_editing(*context.caller, name)
    return name, list(proof.dialog_value(context, "heard") or [])


@handlers.step(PICK)
def take_forwarded(context: BotContext) -> View:
    """Add forwarded messages; for any other message repeat what is expected."""
    name, earlier = _read_forwarded_messages(context)
    added = _read_messages(context, earlier) if context.is_forwarded else []
    messages = [*earlier, *added][:MAX_MESSAGES]
    note = ""
    if not added:
        note = context.translate("examples-send-forwarded")
    elif len(earlier) + len(added) > MAX_MESSAGES:
        note = context.translate("examples-forward-full", most=MAX_MESSAGES)
    return _build_forwarded_view(context, name, messages, (len(messages) - 1) // PAGE_SIZE, note)


def _read_messages(
    context: BotContext, earlier: Sequence[ForwardedMessage]
) -> list[ForwardedMessage]:
    """Return the new messages with assumed roles: the first sender asks, bots and others answer."""
    messages: list[ForwardedMessage] = []
    for update in (context.stored, *context.joined):
        message = get_object(update.body, "message")
        content = get_text(message, "text") or get_text(message, "caption")
        if not content.strip():
            continue
        sender, is_bot = author(update)
        first_sender = next((other["who"] for other in [*earlier, *messages]), sender)
        role = proof.ASSISTANT if is_bot or sender != first_sender else proof.USER
        messages.append({"who": sender, "words": content, "role": role})
    return messages


def author(update: Update) -> tuple[str, bool]:
    """Return the sender of a forwarded message, and whether it is a bot.

    Source: the Bot API, MessageOrigin.
    """
    origin = get_object(get_object(update.body, "message"), "forward_origin")
    sender = get_object(origin, "sender_user")
    if sender:
        return f"user {sender.get('id')}", sender.get("is_bot") is True
    chat = get_object(origin, "sender_chat") or get_object(origin, "chat")
    if chat:
        return f"chat {chat.get('id')}", False
    return f"name {origin.get('sender_user_name', '')}", False


@handlers.button("ex:picks")
def show_messages(context: BotContext) -> View:
    """Show another page of the messages."""
    name, messages = _read_forwarded_messages(context)
    return _build_forwarded_view(context, name, messages, context.number(1))


@handlers.button("ex:pick")
def switch_role(context: BotContext) -> View:
    """Switch the role of a message to the next: question, answer, left out."""
    name, messages = _read_forwarded_messages(context)
    index = context.number(1)
    if index >= len(messages):
        raise NotFound("no such message", "bot-button-old")
    message = messages[index]
    messages[index] = {**message, "role": _NEXT_ROLE[message["role"]]}
    return _build_forwarded_view(context, name, messages, context.number(2))


@handlers.button("ex:picked")
@proof.make_handler
def make_picked_draft(context: BotContext) -> proof.Draft:
    """Return the draft of the messages with a role."""
    name, messages = _read_forwarded_messages(context)
    picked = _make_picked_turns(messages)
    if not picked:
        raise Refused("nothing picked", "examples-forward-none")
    return proof.Draft(name, turns=picked)


def _make_picked_turns(messages: Sequence[ForwardedMessage]) -> proof.DraftTurns:
    return proof.merge_turns(
        [(message["role"], message["words"]) for message in messages if message["role"]]
    )


def _pairs(messages: Sequence[ForwardedMessage]) -> list[proof.DraftTurns]:
    """Return the pairs of a question and the answer that follows it."""
    picked = _make_picked_turns(messages)
    return [
        (turn, reply)
        for turn, reply in pairwise(picked)
        if (turn[0], reply[0]) == (proof.USER, proof.ASSISTANT)
    ]


def read_picked_table(context: BotContext) -> tuple[str, str]:
    """Return the dataset and the pairs as JSON lines. Raises NotFound."""
    name, messages = _read_forwarded_messages(context)
    chats = [
        {"messages": [{"role": role, "content": content} for role, content in pair]}
        for pair in _pairs(messages)
    ]
    return name, "\n".join(json.dumps(chat, ensure_ascii=False) for chat in chats)


REWORD = "ex-reword"
# The longest text that is shown in a message.
_MAX_SHOWN_UNITS = 3000
_FIELD_TITLES: Mapping[str, str] = {
    "q": "examples-reword-question",
    "a": "examples-reword-answer",
    "t": "examples-reword-tags",
    "y": "examples-reword-whole",
}


@handlers.button("ex:edit")
def ask_edit(context: BotContext) -> View:
    """Ask for a new text of an existing example."""
    draft = proof.draft_of_example(proof.require_chosen_example(context))
    back = f"ex:one:{menu.short_hash(draft.dataset)}:{menu.short_hash(draft.example_id)}"
    return ask_field(context, draft, context.argument(3), back)


@handlers.button("ex:word")
def ask_draft_field(context: BotContext) -> View:
    """Ask for a new text of one field of the current draft."""
    return ask_field(context, proof.require_current_draft(context), context.argument(1), "ex:look")


def ask_field(context: BotContext, draft: proof.Draft, field: str, back: str) -> View:
    """Ask for the new text of one field, with the current text to copy."""
    if field not in _FIELD_TITLES or draft.is_gone or (draft.proposal and field == "y"):
        raise Refused("no such field", "bot-button-old")
    current, kind = _get_current_text(draft, field), "yaml" if field == "y" else ""
    title = context.translate(_FIELD_TITLES[field])
    hint = context.translate(f"examples-reword-hint-{field}")
    is_short = utf16_length(current) <= _MAX_SHOWN_UNITS
    parts = (menu.code_block(current, kind), hint) if is_short else (hint,)
    no_tags = field == "t" and bool(current) and ("examples-no-tags", "ex:untag")
    values, rows = {"field": field}, (no_tags,)
    view = proof.ask(
        context, REWORD, title, *parts, back=back, draft=draft, rows=rows, values=values
    )
    if is_short:
        return view
    file = Attachment(f"{field}.{kind or 'txt'}", menu.printable(current).encode())
    buttons = view.page.buttons if view.page else ()
    return View(FormattedMessage(f"{title}\n\n{hint}", buttons=buttons, file=file), is_new=True)


def _get_current_text(draft: proof.Draft, field: str) -> str:
    """Return the current text of a field. Raises Refused if the file cannot be parsed."""
    if field == "y":
        return draft.file_text() or ""
    if draft.turns and field == "a":
        return draft.turns[-1][1]
    if draft.turns and field == "q":
        return next((content for role, content in draft.turns if role == proof.USER), "")
    tags = None if draft.tags is None else ", ".join(draft.tags)
    edited_text = {"q": draft.question, "a": draft.answer, "t": tags}[field]
    if edited_text is not None:
        return edited_text
    example = replace(draft, question=None, answer=None, tags=None).example()
    if example is not None:
        return {"q": example.question, "a": example.answer, "t": ", ".join(example.tags)}[field]
    if field == "t" and draft.turns:
        return ""
    raise Refused("the example is broken", "examples-broken")


@handlers.step(REWORD)
@text_handler
@proof.make_handler
def take_field(context: BotContext) -> proof.Draft:
    """Return the draft with the new text of the field that was asked for."""
    field = str(proof.dialog_value(context, "field") or "t")
    return reword_draft(proof.require_current_draft(context), field, context.text)


@handlers.button("ex:untag")
@proof.make_handler
def remove_tags(context: BotContext) -> proof.Draft:
    """Return the draft without tags."""
    return replace(proof.require_current_draft(context), tags=())


def reword_draft(draft: proof.Draft, field: str, new_text: str) -> proof.Draft:
    """Return the draft with a new first question (q), last answer (a), tags (t) or file (y)."""
    if field == "t":
        return replace(draft, tags=tuple(split_tags(new_text.replace("#", " "))))
    if field not in ("q", "a"):
        file_text = new_text if new_text.endswith("\n") else f"{new_text}\n"
        return replace(draft, text=file_text, turns=(), question=None, answer=None, tags=None)
    new_text = new_text.strip()
    if not draft.turns:
        is_question = field == "q"
        return replace(draft, question=new_text) if is_question else replace(draft, answer=new_text)
    index, role, turns = -1, proof.ASSISTANT, list(draft.turns)
    if field == "q":
        index = next((i for i, (role, _) in enumerate(turns) if role == proof.USER), 0)
        role = proof.USER
    turns[index] = (role, new_text)
    return replace(draft, turns=tuple(turns))


@handlers.button("ex:whole")
def send_file(context: BotContext) -> View:
    """Send the file of the draft."""
    draft = proof.require_current_draft(context)
    text = draft.file_text()
    content = menu.printable(draft.text if text is None else text).encode()
    if not content:
        raise Refused("nothing written", "examples-no-draft")
    name = f"{draft.example_id.rpartition('/')[2] or 'example'}.yaml"
    return View(FormattedMessage("", file=Attachment(name, content)), is_new=True)


# More than any provider accepts as one example.
MAX_CHARACTERS = 200_000


async def read_text(context: BotContext) -> str:
    """Return the text of a message or of a text file. Raises Refused for anything else."""
    text = context.text
    if context.attachment is not None:
        # Of an album only the first file would be read.
        if context.attachment.kind != "document" or len(context.attachments) > 1:
            raise Refused("no words", "examples-send-text")
        content = await fetch(context, context.attachment.file_id, MAX_FILE_BYTES)
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = ""
        if "\0" in text:
            raise Refused("no text", "examples-send-text")
    if not text.strip():
        raise Refused("no words", "examples-send-text")
    if len(text) > MAX_CHARACTERS:
        raise Refused("too long", "examples-too-long", most=MAX_CHARACTERS)
    return text


_MAX_CHANGES = 5
_ANSWER_LENGTH = 160
_KINDS = {AnswerChangeKind.NEW: "➕", AnswerChangeKind.LOST: "➖", AnswerChangeKind.OTHER: "🔁"}


@handlers.button("ex:answers")
async def compare_answers(context: BotContext) -> None:
    """Show which answers the current draft would change."""
    ctx = context.services

    def read() -> tuple[DatasetFiles, Sequence[str], Sequence[Edit]]:
        draft = proof.require_current_draft(context)
        plan = answer_changes.plan_comparison(ctx, context.actor, draft.dataset)
        return *plan, proof.edits_of(context, draft)

    files, questions, edits = await context.store.read(read)
    compare = answer_changes.compare_answers
    comparison = await asyncio.to_thread(compare, ctx, files, questions, edits, context.language)

    def build_view(context: BotContext) -> View:
        key, counts = comparison.summary
        lines = [_answer_change(context, change) for change in comparison.changes[:_MAX_CHANGES]]
        if len(comparison.changes) > _MAX_CHANGES:
            more = len(comparison.changes) - _MAX_CHANGES
            lines.append(context.translate("examples-more", count=more))
        estimate = context.translate("page-answers-estimate") if comparison.is_estimate else ""
        title, summary = context.translate("page-answers"), context.translate(key, **counts)
        return menu.card(context, title, summary, *lines, estimate, rows=(menu.back("ex:look"),))

    await proof.show_screen(context, build_view)


def _answer_change(context: BotContext, change: AnswerChange) -> str:
    answers = [change.before, change.after]
    before, after = (
        shorten_text(answer, _ANSWER_LENGTH) or context.translate("page-answers-unknown")
        for answer in answers
    )
    return f"{_KINDS[change.kind]} {cut(change.question, _ANSWER_LENGTH)}\n{before}\n→ {after}"
