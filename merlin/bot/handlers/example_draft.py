"""The dialog that writes an example, or rewords one.

question -> answer -> proof (Save); tags, test mark, more turns from there
"""

from collections.abc import Mapping
from dataclasses import replace

from merlin.bot import menu
from merlin.bot.context import BotContext
from merlin.bot.handlers import example_proof as proof
from merlin.bot.menu import View
from merlin.bot.registry import Handlers
from merlin.bot.rendering import dataset_title
from merlin.core.errors import Refused
from merlin.core.i18n import cut
from merlin.core.permissions import Permission
from merlin.dataset.import_lines import split_tags

handlers = Handlers(Permission.EDIT_EXAMPLES)
QUESTION, ANSWER = "ex-question", "ex-answer"
MAX_TURNS = 60
_MAX_SHOWN_TURNS = 6
_TURN_LENGTH = 300


@handlers.button("ex:add")
def ask_question(context: BotContext) -> View:
    """Start a new example."""
    return _ask_next(context, proof.Draft(proof.require_chosen_dataset(context)))


def _ask_next(context: BotContext, draft: proof.Draft) -> View:
    """Ask for the next turn of a draft: the answer to its last question, or a question."""
    if not draft.turns:
        return _ask_text(context, draft, QUESTION, f"ex:ds:{menu.short_hash(draft.dataset)}")
    if draft.turns[-1][0] == proof.ASSISTANT:
        return _ask_text(context, draft, QUESTION, "ex:look")
    return _ask_text(context, draft, ANSWER, "ex:unturn")


def _ask_text(context: BotContext, draft: proof.Draft, step: str, back: str) -> View:
    """Show the newest turns, shortened, and ask for the text of this step."""
    newest = draft.turns[-_MAX_SHOWN_TURNS:]
    lines = proof.turn_lines([(role, cut(content, _TURN_LENGTH)) for role, content in newest])
    conversation_text = "\n".join(["…", *lines] if len(newest) < len(draft.turns) else lines)
    title = context.translate("examples-preview-new", dataset=dataset_title(context, draft.dataset))
    prompt = context.translate(_PROMPTS[step])
    return proof.ask(context, step, title, conversation_text, prompt, back=back, draft=draft)


_PROMPTS = {QUESTION: "examples-ask-question", ANSWER: "examples-ask-answer"}


@handlers.step(QUESTION)
def take_question(context: BotContext) -> View:
    """Add the question to the draft."""
    return _ask_next(context, _with_turn(context, proof.USER))


@handlers.step(ANSWER)
@proof.make_handler
def add_answer_to_draft(context: BotContext) -> proof.Draft:
    """Return the draft with the answer."""
    return _with_turn(context, proof.ASSISTANT)


def _with_turn(context: BotContext, role: str) -> proof.Draft:
    draft = proof.require_current_draft(context)
    return replace(draft, turns=(*draft.turns, (role, proof.require_text(context))))


@handlers.button("ex:turn")
def ask_turn(context: BotContext) -> View:
    """Ask for another question."""
    proof.require_step(context, proof.PROOF)
    draft = proof.require_current_draft(context)
    if len(draft.turns) >= MAX_TURNS:
        raise Refused("too many turns", "examples-many-turns", most=MAX_TURNS)
    return _ask_text(context, draft, QUESTION, "ex:look")


@handlers.button("ex:unturn")
def undo_turn(context: BotContext) -> View:
    """Remove the last turn and ask for it again."""
    proof.require_step(context, QUESTION, ANSWER, proof.PROOF)
    draft = proof.require_current_draft(context)
    return _ask_next(context, replace(draft, turns=draft.turns[:-1]))


REWORD = "ex-reword"
# The longest text that is shown in a message.
_MAX_SHOWN = 3000
_FIELD_TITLES: Mapping[str, str] = {
    "q": "examples-reword-question",
    "a": "examples-reword-answer",
    "t": "examples-reword-tags",
}


@handlers.button("ex:edit")
def ask_edit(context: BotContext) -> View:
    """Ask for a new text of an existing example."""
    draft = proof.draft_of_example(proof.require_chosen_example(context))
    back = f"ex:one:{menu.short_hash(draft.dataset)}:{menu.short_hash(draft.example_id)}"
    return _ask_field(context, draft, context.argument(3), back)


@handlers.button("ex:word")
def ask_draft_field(context: BotContext) -> View:
    """Ask for a new text of one field of the current draft."""
    return _ask_field(context, proof.require_current_draft(context), context.argument(1), "ex:look")


def _ask_field(context: BotContext, draft: proof.Draft, field: str, back: str) -> View:
    """Ask for the new text of one field, with the current text to copy."""
    if field not in _FIELD_TITLES or draft.is_gone:
        raise Refused("no such field", "bot-button-old")
    current = _get_current_text(draft, field)
    title = context.translate(_FIELD_TITLES[field])
    hint = context.translate(f"examples-reword-hint-{field}")
    no_tags = field == "t" and bool(current) and ("examples-no-tags", "ex:untag")
    parts = (menu.code_block(cut(current, _MAX_SHOWN), ""), hint)
    values, rows = {"field": field}, (no_tags,)
    return proof.ask(
        context, REWORD, title, *parts, back=back, draft=draft, rows=rows, values=values
    )


def _get_current_text(draft: proof.Draft, field: str) -> str:
    """Return the current text of a field. Raises Refused if the file cannot be parsed."""
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
@proof.make_handler
def take_field(context: BotContext) -> proof.Draft:
    """Return the draft with the new text of the field that was asked for."""
    field = str(proof.dialog_value(context, "field") or "t")
    text = proof.require_text(context)
    return reword_draft(proof.require_current_draft(context), field, text)


@handlers.button("ex:untag")
@proof.make_handler
def remove_tags(context: BotContext) -> proof.Draft:
    """Return the draft without tags."""
    return replace(proof.require_current_draft(context), tags=())


def reword_draft(draft: proof.Draft, field: str, new_text: str) -> proof.Draft:
    """Return the draft with a new first question (q), last answer (a) or tags (t)."""
    if field == "t":
        return replace(draft, tags=tuple(split_tags(new_text.replace("#", " "))))
    if not draft.turns:
        is_question = field == "q"
        return replace(draft, question=new_text) if is_question else replace(draft, answer=new_text)
    index, role, turns = -1, proof.ASSISTANT, list(draft.turns)
    if field == "q":
        index = next((i for i, (role, _) in enumerate(turns) if role == proof.USER), 0)
        role = proof.USER
    turns[index] = (role, new_text)
    return replace(draft, turns=tuple(turns))
