"""The dialog that writes an example, or rewords one.

question -> answer -> proof (Save); tags from there. Examples of several turns are written on their
page.
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
from merlin.dataset.example import join_tags, split_tags

handlers = Handlers(Permission.EDIT_EXAMPLES)
QUESTION = "ex-question"
ANSWER = "ex-answer"
_QUESTION_LENGTH = 300


@handlers.button("ex:add")
def ask_question(context: BotContext) -> View:
    """Start a new example."""
    draft = proof.EditedFile(proof.require_chosen_dataset(context))
    back = f"ex:ds:{menu.short_hash(draft.dataset)}"
    return _ask_text(context, draft, QUESTION, "examples-ask-question", back)


@handlers.step(QUESTION)
def take_question(context: BotContext) -> View:
    """Add the question to the draft, and ask for the answer."""
    text = proof.require_text(context)
    draft = replace(proof.require_current_draft(context), question=text)
    back = f"ex:add:{menu.short_hash(draft.dataset)}"
    return _ask_text(context, draft, ANSWER, "examples-ask-answer", back)


def _ask_text(
    context: BotContext, draft: proof.EditedFile, step: str, prompt_key: str, back: str
) -> View:
    turns = (
        [(proof.USER, cut(draft.question, _QUESTION_LENGTH))] if draft.question else []
    )
    title = context.translate(
        "examples-preview-new", dataset=dataset_title(context, draft.dataset)
    )
    return proof.ask(
        context,
        step,
        title,
        "\n".join(proof.turn_lines(turns)),
        context.translate(prompt_key),
        back=back,
        draft=draft,
    )


@handlers.step(ANSWER)
@proof.make_handler
def add_answer_to_draft(context: BotContext) -> proof.EditedFile:
    """Return the draft with the answer."""
    text = proof.require_text(context)
    return replace(proof.require_current_draft(context), answer=text)


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
    back = (
        f"ex:one:{menu.short_hash(draft.dataset)}:{menu.short_hash(draft.example_id)}"
    )
    return _ask_field(context, draft, context.argument(3), back)


@handlers.button("ex:word")
def ask_draft_field(context: BotContext) -> View:
    """Ask for a new text of one field of the current draft."""
    return _ask_field(
        context, proof.require_current_draft(context), context.argument(1), "ex:look"
    )


def _ask_field(
    context: BotContext, draft: proof.EditedFile, field: str, back: str
) -> View:
    """Ask for the new text of one field, with the current text to copy."""
    if field not in _FIELD_TITLES or draft.is_gone:
        raise Refused("no such field", "bot-button-old")
    current = _get_current_text(draft, field)
    title = context.translate(_FIELD_TITLES[field])
    hint = context.translate(f"examples-reword-hint-{field}")
    no_tags = field == "t" and bool(current) and ("examples-no-tags", "ex:untag")
    values = {"field": field}
    rows = (no_tags,)
    return proof.ask(
        context,
        REWORD,
        title,
        menu.code_block(cut(current, _MAX_SHOWN), ""),
        hint,
        back=back,
        draft=draft,
        rows=rows,
        values=values,
    )


def _get_current_text(draft: proof.EditedFile, field: str) -> str:
    """Return the current text of a field. Raises Refused if the file cannot be parsed."""
    tags = None if draft.tags is None else join_tags(draft.tags)
    edited_text = {"q": draft.question, "a": draft.answer, "t": tags}[field]
    if edited_text is not None:
        return edited_text
    example = draft.example()
    if example is not None:
        return {
            "q": example.question,
            "a": example.answer,
            "t": join_tags(example.tags),
        }[field]
    raise Refused("the example is broken", "examples-broken")


@handlers.step(REWORD)
@proof.make_handler
def take_field(context: BotContext) -> proof.EditedFile:
    """Return the draft with the new text of the field that was asked for."""
    field = str(proof.dialog_value(context, "field") or "t")
    text = proof.require_text(context)
    return reword_draft(proof.require_current_draft(context), field, text)


@handlers.button("ex:untag")
@proof.make_handler
def remove_tags(context: BotContext) -> proof.EditedFile:
    """Return the draft without tags."""
    return replace(proof.require_current_draft(context), tags=())


def reword_draft(
    draft: proof.EditedFile, field: str, new_text: str
) -> proof.EditedFile:
    """Return the draft with a new first question (q), last answer (a) or tags (t)."""
    if field == "t":
        return replace(draft, tags=tuple(split_tags(new_text)))
    return (
        replace(draft, question=new_text)
        if field == "q"
        else replace(draft, answer=new_text)
    )
