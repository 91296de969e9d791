"""The draft of an example: who may edit it, its proof, and saving it.

    draft -> checked beside its whole dataset -> shown -> Save -> a Change, committed by the daemon

Callback data is untrusted: permissions are checked for every button and message, and names are
looked up here. The draft is stored in the dialog and survives a restart. The id of a new example
is derived from its question and unique. The proof of a correction shows what it corrects.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import chain
from operator import attrgetter
from typing import Any

from merlin.app import changes, examples, near, reviews
from merlin.app.changes import DatasetFiles
from merlin.app.examples import ExampleView
from merlin.app.health import is_daemon_alive
from merlin.app.inbox import Dialog
from merlin.app.near import NearExample
from merlin.app.permissions import require_editing
from merlin.bot import menu
from merlin.bot.context import EDITOR_STEP, Act, BotContext, Handler
from merlin.bot.menu import View
from merlin.bot.registry import Handlers, show_with_role
from merlin.bot.rendering import dataset_title, join_lines
from merlin.core.errors import NotFound, Refused
from merlin.core.formatted_text import Button, FormattedMessage, TextBuilder, in_entity
from merlin.core.i18n import cut
from merlin.core.permissions import Permission
from merlin.course.editing import CourseEdits
from merlin.dataset.changes import Edit
from merlin.dataset.commit_message import telegram_editor
from merlin.dataset.corrections import Corrected
from merlin.dataset.example import Example
from merlin.dataset.example_file import parse_example, write_turns
from merlin.dataset.example_rewording import allow_rules, reword_example
from merlin.dataset.file_difference import Side, compare_answers, compare_files
from merlin.dataset.files import DatasetCard, FileIndex
from merlin.dataset.finding import Finding, Severity
from merlin.dataset.layout import EXAMPLES, example_id_of, example_path
from merlin.dataset.preview import Preview
from merlin.dataset.proposals import DISTIL, Proposal, Proposals, reword
from merlin.dataset.sensitive import mask_personal_data

handlers = Handlers(Permission.EDIT_EXAMPLES)
USER = "user"
ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class EditedFile:
    """The new version of a file.

    `path` is within the dataset, "" for a new example; `before` is the blob that the editor saw.
    An existing example has its `text`, in which `question`, `answer` and `tags` replace those of
    the file unless None. `is_gone`: the file is deleted.
    `proposal` is the id of the correction that the draft comes from; `replaced` the answer that its
    own replaces in all examples, "" for none, None for the corrected one; `is_other`: its question
    is no paraphrase of theirs.
    `allow` are the rules of personal data that the example may break, for this `reason`.
    """

    dataset: str
    path: str = ""
    before: str | None = None
    text: str = ""
    question: str | None = None
    answer: str | None = None
    tags: tuple[str, ...] | None = None
    is_gone: bool = False
    proposal: int = 0
    replaced: str | None = None
    is_other: bool = False
    allow: tuple[str, ...] = ()
    reason: str = ""

    @property
    def corrections(self) -> Mapping[int, str]:
        """Return which answer the correction replaces, as `Proposals.plan_edits` takes it."""
        return {} if self.replaced is None else {self.proposal: self.replaced}

    @property
    def example_id(self) -> str:
        """Return the id of the example by its path, "" for a new one."""
        return example_id_of(self.path)

    def file_text(self) -> str | None:
        """Return the file's text, None to delete it. Raises Refused for edits of a broken file."""
        if self.is_gone:
            return None
        written = self._written()
        return allow_rules(written, self.allow, self.reason) if self.allow else written

    def _written(self) -> str:
        if not (self.path or self.text):
            turns = ((USER, self.question or ""), (ASSISTANT, self.answer or ""))
            return write_turns(turns, self.tags or ())
        replacements = (self.question, self.answer, self.tags)
        if all(value is None for value in replacements):
            return self.text
        return reword_example(self.text, *replacements)

    def example(self) -> Example | None:
        """Return the parsed example, None if it cannot be parsed."""
        return parse_example(self.file_text())


def draft_of(value: object) -> EditedFile | None:
    """Return the draft stored in a dialog, None for none."""
    if not isinstance(value, dict) or "dataset" not in value:
        return None
    tags = value["tags"]
    tags = None if tags is None else tuple(tags)
    return EditedFile(**{**value, "tags": tags, "allow": tuple(value["allow"])})


def draft_of_example(example: ExampleView, *, is_gone: bool = False) -> EditedFile:
    """Return a draft that edits or deletes an example."""
    text = example.text or ""
    return EditedFile(
        example.dataset, example.path, example.revision, text, is_gone=is_gone
    )


async def show_screen(context: BotContext, act: Act) -> None:
    """Reply with the view of `act`, or its error, only to users who may edit examples."""
    await show_with_role(context, Permission.EDIT_EXAMPLES, act)


def require_chosen_card(context: BotContext) -> DatasetCard:
    """Return the dataset named by the callback data. Raises NotFound, also without permission."""
    cards = examples.list_datasets(*context.caller)
    return menu.find_by_hash(context, cards, attrgetter("name"), 1, "admin-no-dataset")


def require_chosen_dataset(context: BotContext) -> str:
    """Return the name of the dataset in the callback data. Raises NotFound."""
    return require_chosen_card(context).name


def require_chosen_example(context: BotContext) -> ExampleView:
    """Return the example named after the dataset in the callback data. Raises NotFound."""
    name = require_chosen_dataset(context)
    ids = examples.list_ids(*context.caller, name)
    example_id = menu.find_by_hash(context, ids, index=2, key="examples-not-found")
    return examples.get(*context.caller, name, example_id)


def dialog_value(context: BotContext, name: str) -> Any:
    """Return a value stored in the dialog, None for none."""
    return (
        context.dialog_values.get(name)
        if context.step.startswith(EDITOR_STEP)
        else None
    )


def require_current_draft(context: BotContext) -> EditedFile:
    """Return the draft stored in the dialog. Raises NotFound for none and without permission."""
    draft = draft_of(dialog_value(context, "draft"))
    if draft is None:
        raise NotFound("no draft", "examples-no-draft")
    require_editing(*context.caller, draft.dataset)
    return draft


def ask(
    context: BotContext,
    step: str,
    title: str,
    *parts: menu.Part,
    back: str,
    draft: EditedFile | None = None,
    rows: menu.Rows = (),
    values: Mapping[str, object] | None = None,
) -> View:
    """Show a card and wait for the next message at this step.

    The dialog stores the draft and `values`; the Back button leads to `back`.
    """
    draft_value = {"draft": asdict(draft)} if draft is not None else {}
    context.wait(Dialog(step, {**draft_value, **(values or {})}))
    return menu.card(
        context, title, *parts, rows=(*rows, menu.back_or_cancel(context, back))
    )


def leave_dialog(context: BotContext) -> None:
    """End the dialog if it is about examples."""
    if context.step.startswith(EDITOR_STEP):
        context.stop_waiting()


# More than any provider accepts as one example.
MAX_CHARACTERS = 200_000


def require_text(context: BotContext) -> str:
    """Return the text of a message. Raises Refused for one that is more than text, or too long."""
    if context.text.strip() and context.unread:
        raise Refused("a part", "examples-unread", parts=context.unread_parts)
    if not context.text.strip() or context.attachments:
        raise Refused("no words", "examples-send-text")
    if len(context.text) > MAX_CHARACTERS:
        raise Refused("too long", "examples-too-long", most=MAX_CHARACTERS)
    return context.text.strip()


def require_step(context: BotContext, step: str) -> None:
    """Raise Refused unless the dialog is at this step."""
    if context.step != step:
        raise Refused("another step", "bot-button-old")


_NOTE_LENGTH = 500


def model_answer(context: BotContext, proposal: Proposal) -> str:
    """Return the model's original answer, masked; "" if unknown."""
    turn = context.turns.get_own(proposal.draft.turn_id, proposal.user_id)
    if turn is None or turn.written is None:
        return ""
    return mask_personal_data(turn.written.answer, context.language).words


FindNear = Callable[[], Sequence[NearExample]]

PROOF = "ex-proof"
MAX_FINDINGS = 6
# Most characters of a part of a text, and of a file.
_TEXT_LENGTH = 1000
_FINDING_LENGTH = 200
_ALLOWED_FOR = ("organisation", "agreed")
_SIGNS = {Severity.ERROR: "⛔", Severity.WARNING: "⚠️", Severity.NOTE: "ℹ️"}


async def show_proof(
    context: BotContext, read_draft: Callable[[BotContext], EditedFile], note: str = ""
) -> None:
    """Show the proof of the draft that `read_draft` returns, below the text `note`.

    Raises MerlinError if there is no draft, the dataset is gone, or the text fits no file.
    """
    ctx = context.services

    def read() -> tuple[EditedFile, DatasetFiles, list[Edit], str | None, FindNear]:
        draft = read_draft(context)
        files = changes.read_files(ctx, context.actor, draft.dataset)
        old = FileIndex(context.db).read_text(draft.before) if draft.before else None
        return (
            draft,
            files,
            edits_of(context, draft),
            old,
            _plan_comparison(context, draft, files),
        )

    draft, files, edits, old, find = await context.store.read(read)
    preview = await asyncio.to_thread(changes.check_edits, ctx, files, edits)
    found = await asyncio.to_thread(find) if preview.is_good else []
    await show_screen(
        context, lambda context: _proof_view(context, draft, old, preview, found, note)
    )


def _plan_comparison(
    context: BotContext, draft: EditedFile, files: DatasetFiles
) -> FindNear:
    """Return the function that finds the examples that may ask the same. It reads no rows."""
    ctx = context.services
    if not draft.proposal:
        path = draft.path if draft.before else ""
        return partial(near.find_near, ctx, files, draft.file_text(), path)
    stored = reviews.get_waiting(*context.caller, draft.proposal)
    waiting = [replace(stored, draft=reword(stored.draft, draft.file_text()))]
    corrected = reviews.find_corrected(*context.caller, waiting)
    offered = near.list_offered(*context.caller, waiting)

    def find() -> Sequence[NearExample]:
        found = near.find_near_corrections(ctx, files, waiting, corrected, offered)
        return found.get(draft.proposal, ())

    return find


def make_handler(
    read_draft: Callable[[BotContext], EditedFile], note: str = ""
) -> Handler:
    """Return a handler that shows the proof of the draft of `read_draft`, below the text `note`."""
    return partial(show_proof, read_draft=read_draft, note=note)


handlers.button("ex:look")(make_handler(require_current_draft))
handlers.step(PROOF)(make_handler(require_current_draft, "examples-press-button"))


def edits_of(context: BotContext, draft: EditedFile) -> list[Edit]:
    """Return the edits of a draft under unused names, with those of examples that it corrects."""
    ctx = context.services
    text = draft.file_text()
    if draft.proposal:
        texts = {draft.proposal: text or ""}
        return Proposals(ctx.db).plan_edits(texts, draft.corrections)[draft.proposal]
    path = draft.path or example_path(examples.free_id(ctx, draft.dataset, text))
    return [Edit(path, draft.before, text)]


def corrected_lines(context: BotContext, corrected: Corrected) -> str:
    """Return the examples whose answer an approval changes, "" for none."""
    if not corrected.examples:
        return ""
    lines = [context.translate("page-proposal-changes", count=len(corrected.examples))]
    lines += [f"• {cut(each.question)} · {each.path}" for each in corrected.examples]
    if more := lines[MAX_FINDINGS + 1 :]:
        lines[MAX_FINDINGS + 1 :] = [
            context.translate("examples-more", count=len(more))
        ]
    return "\n".join(lines)


def _proof_view(
    context: BotContext,
    draft: EditedFile,
    old: str | None,
    preview: Preview,
    near_ones: Sequence[NearExample],
    note: str,
) -> View:
    """Show the proof and wait for the next action.

    `preview` is the checker's result, `old` the current text of the file, None for none;
    `near_ones` are examples that may ask the same.
    """
    new = draft.file_text()
    title = context.translate(
        _title_key(draft), dataset=dataset_title(context, draft.dataset)
    )
    verdict = "examples-no-errors" if preview.is_good else "examples-has-errors"
    personal = sorted(frozenset(chain(*preview.personal.values())))
    if personal:
        verdict = "page-allow-ask"
    if new == old:
        verdict = "examples-nothing-changed"
    can_save = preview.is_good and new != old
    correction = _describe_correction(context, draft, new)
    notes = [context.translate(note) if note else "", *correction.notes]
    return ask(
        context,
        PROOF,
        title,
        "\n\n".join(filter(None, notes)),
        *_preview(context, old, new, correction.present),
        *near_parts(context, near_ones),
        join_lines(*finding_lines(context, preview), context.translate(verdict)),
        back=back_data(draft),
        draft=draft,
        rows=_action_rows(
            context,
            draft,
            correction,
            near_ones,
            can_save=can_save,
            is_personal=bool(personal),
        ),
        values={
            "good": can_save,
            "personal": personal,
            "near": [each.path for each in near_ones],
        },
    )


@dataclass(frozen=True, slots=True)
class _Correction:
    """What a correction changes: the examples that it corrects, and their `present` answer.

    `has_others`: other questions have it too, whether they are corrected or not. `notes` say what
    an editor has to know of the proposal.
    """

    corrected: Corrected = field(default_factory=Corrected)
    has_others: bool = False
    present: str = ""
    notes: Sequence[str] = ()


def _describe_correction(
    context: BotContext, draft: EditedFile, new: str | None
) -> _Correction:
    """Return what a draft corrects, nothing without a proposal; `new` is its text."""
    if not draft.proposal:
        return _Correction()
    rows = Proposals(context.db)
    proposal = rows.get(draft.proposal)
    stored = reword(proposal.draft, new)
    found = corrected = rows.corrected(stored)
    if draft.replaced == "":
        corrected = replace(found, others=())
    notes = []
    if draft.is_other and found.others:
        notes.append(context.translate("page-proposal-other-question"))
    notes.append(corrected_lines(context, corrected))
    if stored.origin == DISTIL:
        drafted = context.translate("examples-drafted", teacher=stored.model_id)
        notes += [drafted, cut(stored.note, _NOTE_LENGTH)]
    if others := reviews.start_editing(*context.caller, draft.proposal):
        notes.append(context.translate("page-proposal-edited", who=", ".join(others)))
    present = "\n\n".join(corrected.answers) or model_answer(context, proposal)
    return _Correction(corrected, bool(found.others), present, notes)


def near_parts(
    context: BotContext, near_ones: Sequence[NearExample]
) -> Iterator[menu.Part]:
    """Yield each near example, numbered, with its answer beside the new one."""
    if near_ones:
        yield context.translate("examples-near-ask", count=len(near_ones))
    for number, each in enumerate(near_ones, 1):
        yield f"{number}. {cut(each.question, _FINDING_LENGTH)}"
        yield from (_side(context, side) for side in each.sides)


def near_row(context: BotContext, place: int) -> menu.RowOf:
    """Return the two buttons of a near example."""
    return [
        Button(
            f"{place + 1}. {context.translate(f'page-near-{act}')}",
            f"ex:near:{act}:{place}",
        )
        for act in ("same", "replace")
    ]


_ROLES = {"system": "⚙️", USER: "👤", ASSISTANT: "🤖"}


def _preview(
    context: BotContext, old: str | None, new: str | None, present: str
) -> Iterator[menu.Part]:
    """Yield a changed example as pages show it: question, answer, tags, and its folded file.

    `present` is the answer that a correction replaces, "" for none.
    """
    file = compare_files(EXAMPLES, old, new)
    text = (old if new is None else new) or ""
    if not file.is_example:
        yield menu.code_block(cut(text, _TEXT_LENGTH))
        return
    questions, answers, tags = file.sides
    if present and file.new:
        answers = compare_answers(present, file.new.answer)
    yield from (_side(context, side) for side in (*questions, *answers, *tags))
    yield in_entity(
        "expandable_blockquote", menu.printable(cut(text.rstrip("\n"), _TEXT_LENGTH))
    )


def _side(context: BotContext, side: Side) -> FormattedMessage:
    """Return a side under its heading, with the words marked that the other one lacks."""
    builder = TextBuilder()
    builder.start("bold")
    builder.write(context.translate(f"page-{side.heading}"))
    builder.end()
    builder.gap(1)
    for words, is_marked in side.parts:
        if is_marked:
            builder.start("underline" if side.tone == "ok" else "strikethrough")
        builder.write(menu.printable(cut(words, _TEXT_LENGTH)))
        if is_marked:
            builder.end()
    return builder.page()


def turn_lines(turns: Sequence[tuple[str, str]]) -> list[str]:
    """Return turns as lines, each with the sign of its role."""
    return [f"{_ROLES[role]} {content}" for role, content in turns]


def _title_key(draft: EditedFile) -> str:
    if draft.is_gone:
        return "examples-preview-delete"
    if draft.proposal:
        return "examples-preview-proposal"
    return "examples-preview-edit" if draft.before else "examples-preview-new"


def finding_lines(context: BotContext, preview: Preview) -> list[str]:
    """Return the findings as lines, those of the edited files first."""
    lines = [finding_line(context, finding) for finding in preview.findings]
    lines += [
        finding_line(context, finding, is_named=True) for finding in preview.around
    ]
    more = len(lines) - MAX_FINDINGS
    shown = lines[:MAX_FINDINGS]
    return (
        [*shown, context.translate("examples-more", count=more)] if more > 0 else shown
    )


def finding_line(
    context: BotContext, finding: Finding, *, is_named: bool = False
) -> str:
    """Return a finding as one line; `is_named`: with its file."""
    name = f"{finding.path.removeprefix(EXAMPLES)}: " if is_named else ""
    message = cut(finding.text(context.language), _FINDING_LENGTH)
    return f"{_SIGNS[finding.severity]} {name}{message}"


def _action_rows(
    context: BotContext,
    draft: EditedFile,
    correction: _Correction,
    near_ones: Sequence[NearExample],
    *,
    can_save: bool,
    is_personal: bool,
) -> Iterator[menu.RowOf]:
    if is_personal:
        yield from ((f"page-allow-{why}", f"ex:allow:{why}") for why in _ALLOWED_FOR)
    if can_save:
        yield from (near_row(context, place) for place, _ in enumerate(near_ones))
        key = "examples-save"
        style = "success"
        if draft.is_gone:
            key = "examples-delete"
            style = "danger"
        if near_ones:
            key = "page-near-other"
        accept = "page-near-other-accept" if near_ones else "examples-approve"
        yield (accept if draft.proposal else key, "ex:save", style)
    if correction.has_others:
        yield (
            "page-proposal-only" if draft.replaced is None else "page-proposal-all",
            "ex:only",
        )
    if correction.corrected.examples:
        yield ("examples-edit-answer", "ex:word:a")
    elif not draft.is_gone and draft.example() is not None:
        yield (
            ("examples-edit-question", "ex:word:q"),
            ("examples-edit-answer", "ex:word:a"),
        )
        yield ("examples-edit-tags", "ex:word:t")
    if draft.proposal:
        yield ("examples-decline", f"ex:no:{draft.proposal}", "danger")


@handlers.button("ex:only")
@make_handler
def switch_only(context: BotContext) -> EditedFile:
    """Return the draft that no longer changes the answer of other questions, or again does."""
    draft = require_current_draft(context)
    return replace(draft, replaced="" if draft.replaced is None else None)


@handlers.button("ex:allow")
@make_handler
def allow_personal(context: BotContext) -> EditedFile:
    """Return the draft that allows the personal data found in it, for the reason of the button."""
    draft = require_current_draft(context)
    if (why := context.argument(1)) not in _ALLOWED_FOR:
        raise Refused("no such reason", "bot-button-old")
    reason = context.translate(f"page-allow-{why}-reason")
    return replace(
        draft, allow=tuple(dialog_value(context, "personal") or ()), reason=reason
    )


def back_data(draft: EditedFile) -> str:
    """Return the callback data of a draft's Back button."""
    dataset_hash = menu.short_hash(draft.dataset)
    if draft.proposal:
        return "ex:queue:0"
    if draft.before:
        return f"ex:one:{dataset_hash}:{menu.short_hash(draft.example_id)}"
    return f"ex:ds:{dataset_hash}"


@handlers.button("ex:save", "ex:near")
def save(context: BotContext) -> View:
    """Request a commit of the draft that was shown: as another question than the near examples.

    Or with the answer of one of them, or with the new answer for that one, too.
    """
    draft = require_current_draft(context)
    require_step(context, PROOF)
    if dialog_value(context, "good") is not True:
        raise Refused("the draft has errors", "change-has-errors")
    ctx, actor = context.caller
    editor = telegram_editor(context.user_id, context.sender_name)
    files = changes.read_files(ctx, actor, draft.dataset)
    shown = dialog_value(context, "near") or []
    act = context.argument(1) if context.argument(0) == "near" else ""
    known = ""
    if context.argument(0) == "near":
        chosen = shown[context.number(2) :][:1]
        if act not in ("same", "replace") or not chosen:
            raise Refused("no such button", "bot-button-old")
        known = near.read_answer(files, *chosen)
    if act == "same":
        draft = replace(draft, answer=known, replaced="" if draft.proposal else None)
    elif draft.proposal and act:
        draft = replace(draft, replaced=known)
    if draft.proposal:
        text = draft.file_text()
        reviews.approve(ctx, actor, draft.proposal, text, editor, draft.corrections)
    else:
        proposed = CourseEdits(tuple(edits_of(context, draft)), "")
        if act == "replace":
            proposed = near.replace_answer(files, proposed, known)
        elif shown and not act:
            reason = context.translate("page-contradiction-reason")
            proposed = near.mark_other(files, proposed, shown, reason)
        changes.save(ctx, actor, draft.dataset, proposed.edits, editor=editor)
    context.stop_waiting()
    return saved_view(context, draft.dataset)


def saved_view(context: BotContext, dataset: str) -> View:
    """Return the view after a commit has been requested."""
    dataset_hash = menu.short_hash(dataset)
    rows: menu.Rows = (
        ("examples-add", f"ex:add:{dataset_hash}"),
        ("examples-to-dataset", f"ex:ds:{dataset_hash}"),
    )
    suffix = "" if is_daemon_alive(context.services) else "-late"
    title = "examples-saved-title"
    text = context.translate(f"examples-saved{suffix}")
    return menu.card(context, context.translate(title), text, rows=rows)


def queue_button(context: BotContext) -> Button:
    """Return the button of the corrections that wait."""
    waiting = reviews.count_waiting(*context.caller)
    return Button(context.translate("examples-queue", count=waiting), "ex:queue:0")
