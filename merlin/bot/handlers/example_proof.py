"""The draft of an example: who may edit it, its proof, and its saving.

    draft -> checked beside its whole dataset -> shown -> Save -> a Change, committed by the daemon

Permissions are asked anew by every button and message: anybody can send any data, so that nothing
is taken from a keyboard but what is looked up here. The dialog keeps the draft over restarts; a
new example's name is made of its question and free. Beside a correction stands what it corrects.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from operator import attrgetter
from typing import Any, cast

from merlin.app import changes, examples, proposals, test_questions
from merlin.app.changes import DatasetFiles, PreviewView
from merlin.app.examples import ExampleView
from merlin.app.health import is_daemon_alive
from merlin.app.inbox import Dialog, Dialogs
from merlin.bot import menu
from merlin.bot.context import Act, BotContext, Handler
from merlin.bot.handlers import admin
from merlin.bot.menu import View
from merlin.bot.registry import require_role
from merlin.core import money
from merlin.core.errors import MerlinError, NotFound, Refused
from merlin.core.permissions import Permission
from merlin.dataset.changes import Edit
from merlin.dataset.commit_message import Editor, telegram_editor
from merlin.dataset.corrections import Replacement
from merlin.dataset.example import Example, parse_example, reword_example, write_turns
from merlin.dataset.files import DatasetCard, FileIndex
from merlin.dataset.finding import Finding, Severity
from merlin.dataset.layout import EXAMPLES, example_id_of, example_path
from merlin.dataset.preview import unified_diff
from merlin.dataset.proposals import DISTIL, Proposals, mask_personal_data
from merlin.dataset.split import TEST

USER, ASSISTANT = "user", "assistant"
DraftTurns = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """A file as it shall be.

    `path` is within the dataset, "" for a new one; `before` the blob that the editor saw. A new
    example has `turns` (role and words), one that lies there has its `text`, each with another
    `question`, `answer`, `tags` or `split` where the editor gave some. `wording` is the question of
    a new one in other words, a test question beside it. `is_gone`: it is to be deleted.
    `proposal` is the correction that it comes from, `change` the conflict that it solves.
    """

    dataset: str
    path: str = ""
    before: str | None = None
    text: str = ""
    turns: DraftTurns = ()
    question: str | None = None
    answer: str | None = None
    tags: tuple[str, ...] | None = None
    split: str | None = None
    wording: str = ""
    is_gone: bool = False
    proposal: int = 0
    change: str = ""

    @property
    def example_id(self) -> str:
        """Return the id that the path says, "" for a new one."""
        return example_id_of(self.path)

    @property
    def is_new(self) -> bool:
        """Return whether it is written here, and not a correction or a file that lies there."""
        return bool(self.turns) and not (self.path or self.proposal or self.change)

    def written(self) -> str | None:
        """Return the file's text, None to delete it. Raises Refused for words in a broken file."""
        if self.is_gone:
            return None
        if self.turns:
            return write_turns(self.turns, self.tags or (), self.split)
        given = (self.question, self.answer, self.tags, self.split)
        if all(each is None for each in given):
            return self.text
        return reword_example(self.text, *given)

    def example(self) -> Example | None:
        """Return the example that it says, None for one that cannot be read."""
        return parse_example(self.written())


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


def conversation(lines: Sequence[tuple[str, str]]) -> DraftTurns:
    """Return what was said as turns: what one side says in a row is one turn."""
    turns: list[tuple[str, str]] = []
    for role, words in lines:
        if turns and turns[-1][0] == role:
            turns[-1] = (role, f"{turns[-1][1]}\n\n{words}")
        else:
            turns.append((role, words))
    return tuple(turns)


VERB = "ex"
STEP = "ex-"


def editor_handler(act: Act | Handler) -> Handler:
    """Return the handler that shows what `act` says to those who may edit examples.

    A handler ends the update itself; of what it raises the reason is shown.
    """

    async def handle(context: BotContext) -> None:
        if not inspect.iscoroutinefunction(act):
            await show_screen(context, lambda: cast("Act", act)(with_current_dialog(context)))
            return
        try:
            await act(context)
        except MerlinError as error:
            reason = error
            await show_screen(context, lambda: menu.error_view(context, reason))

    return handle


def with_current_dialog(context: BotContext) -> BotContext:
    """Return the context with the dialog as it is now: messages and buttons run side by side."""
    return replace(
        context, dialog=Dialogs(context.db, context.bot_id).get(context.chat_id, context.user_id)
    )


async def show_screen(context: BotContext, act: Callable[[], View]) -> None:
    """Answer by what `act` says, or why it cannot, to those who may edit examples alone."""

    def screen() -> View:
        if not may_edit(context):
            leave_dialog(context)
        return require_role(Permission.EDIT_EXAMPLES, lambda _: act())(context)

    await context.show(screen)


def may_edit(context: BotContext) -> bool:
    """Return whether the person may edit any examples, and here."""
    return context.is_private and context.authority.may(Permission.EDIT_EXAMPLES)


def editable_datasets(context: BotContext) -> list[DatasetCard]:
    """Return the datasets that the person may edit, by name."""
    return examples.datasets(*admin.performer(context))


def titled(context: BotContext, card: DatasetCard) -> str:
    """Return what people call a dataset."""
    return card.title.get(context.language) or card.name


def dataset_title(context: BotContext, name: str) -> str:
    """Return what people call a dataset that the person may edit."""
    found = (
        editable_dataset
        for editable_dataset in editable_datasets(context)
        if editable_dataset.name == name
    )
    return next((titled(context, each) for each in found), name)


def chosen_card(context: BotContext) -> DatasetCard:
    """Return the dataset that a button names. Raises NotFound, also for one out of reach."""
    found = editable_datasets(context)
    return admin.find_by_hash(context, found, attrgetter("name"), 1, "admin-no-dataset")


def chosen_dataset(context: BotContext) -> str:
    """Return the name of the dataset that a button names. Raises NotFound."""
    return chosen_card(context).name


def require_editing(context: BotContext, name: str) -> str:
    """Return the dataset's name where the person may edit it. Raises NotFound."""
    if not context.authority.may(Permission.EDIT_EXAMPLES, name):
        raise NotFound("not theirs", "admin-no-dataset")
    return name


def require_editing_here(context: BotContext, name: str) -> str:
    """Return the dataset's name where the person may edit it, and here. Raises NotFound."""
    if not may_edit(context):
        raise NotFound("not theirs", "bot-button-old")
    return require_editing(context, name)


def chosen_example(context: BotContext) -> ExampleView:
    """Return the example that a button names behind its dataset. Raises NotFound."""
    name = chosen_dataset(context)
    ids = examples.ids(*admin.performer(context), name)
    example_id = admin.find_by_hash(context, ids, index=2, key="examples-gone")
    return examples.get(*admin.performer(context), name, example_id)


def dialog_value(context: BotContext, name: str) -> Any:
    """Return what the dialog keeps under this name, None for nothing."""
    is_ours = context.dialog is not None and context.dialog.step.startswith(STEP)
    return context.dialog_values.get(name) if is_ours else None


def current_draft(context: BotContext) -> Draft:
    """Return the draft that the dialog keeps. Raises NotFound for none, or one out of reach."""
    found = draft_of(dialog_value(context, "draft"))
    if found is None:
        raise NotFound("no draft", "examples-no-draft")
    require_editing(context, found.dataset)
    return found


def ask(
    context: BotContext,
    step: str,
    title: str,
    *parts: str | menu.CodeBlock,
    back: str,
    draft: Draft | None = None,
    rows: menu.Rows = (),
    kept: Mapping[str, object] | None = None,
) -> View:
    """Wait for the next message at this step, and show the card that asks for it.

    The dialog keeps the draft and the values of `kept`; Back leads to `back`.
    """
    drafted = {"draft": asdict(draft)} if draft is not None else {}
    context.wait(Dialog(step, {**drafted, **(kept or {})}))
    return menu.card(context, title, *parts, rows=(*rows, menu.back_or_cancel(back)))


def leave_dialog(context: BotContext) -> None:
    """Wait for no message about examples any more."""
    if context.dialog is not None and context.dialog.step.startswith(STEP):
        context.stop_waiting()


def require_step(context: BotContext, *steps: str) -> None:
    """Raise Refused unless the dialog stands at one of these steps."""
    if context.dialog is None or context.dialog.step not in steps:
        raise Refused("another step", "bot-button-old")


def commit_editor(context: BotContext) -> Editor:
    """Return in whose name the person's commits are made."""
    return telegram_editor(context.user_id, context.sender_name)


_LETTERS = 500


def model_answer(context: BotContext, proposal_id: int) -> str:
    """Return what the model had answered, masked; "" where nobody knows it any more.

    Of a draft that a teacher wrote: by whom, and for how much.
    """
    proposal = Proposals(context.db).get(proposal_id)
    draft = proposal.draft
    if draft.origin == DISTIL:
        price = money.format_price(context.language, draft.cost_micro, draft.currency)
        return context.translate("examples-drafted", teacher=draft.model_id, price=price)
    turn = context.turns.get(proposal.draft.turn_id)
    if turn is None or turn.written is None or turn.question.user_id != proposal.user_id:
        return ""
    masked = mask_personal_data(turn.written.answer, context.language).words
    return context.translate("examples-model-said", words=menu.cut(masked, _LETTERS))


PROOF, WORDING = "ex-proof", "ex-wording"
MAX_FINDINGS = 6
_TEXT_LETTERS = 1400
_DIFF_LETTERS = 1000
_FINDING_LETTERS = 140
_SIGNS = {Severity.ERROR: "⛔", Severity.WARNING: "⚠️", Severity.NOTE: "ℹ️"}


def proof_handler(make: Callable[[BotContext], Draft], note: str = "") -> Handler:
    """Return the handler that shows the proof of a draft, made of rows, below the text `note`."""

    async def handle(context: BotContext) -> None:
        text = context.translate(note) if note else ""
        await show_proof(context, lambda: make(context), text)

    return editor_handler(handle)


async def show_proof(context: BotContext, make: Callable[[], Draft], note: str = "") -> None:
    """Show the proof of the draft that `make`, which reads rows, returns, and end the update.

    Raises MerlinError where there is none, its dataset is gone, or its words fit no file.
    """
    ctx = context.services

    def read() -> tuple[Draft, DatasetFiles, list[Edit], str | None]:
        draft = make()
        require_editing_here(context, draft.dataset)
        edits = edits_of(context, draft)
        files = changes.read_files(ctx, admin.actor(context), draft.dataset)
        old = FileIndex(context.db).text(draft.before) if draft.before else None
        return draft, files, edits, old

    draft, files, edits, old = await context.store.read(read)
    seen = await asyncio.to_thread(changes.check_edits, ctx, files, edits)
    await show_screen(context, lambda: _proof_view(context, draft, edits[0], old, seen, note))


def edits_of(context: BotContext, draft: Draft) -> list[Edit]:
    """Return the edits that a draft is, under free names, with what a correction replaces."""
    ctx, text, path = context.services, draft.written(), draft.path
    if not path:
        folder = Proposals(ctx.db).get(draft.proposal).draft.folder if draft.proposal else ""
        path = example_path(examples.free_id(ctx, draft.dataset, text, folder))
    edits = [Edit(path, draft.before, text)]
    if draft.wording:
        worded = reword_example(text, draft.wording, split=TEST)
        taken = (example_id_of(path),)
        other = examples.free_id(ctx, draft.dataset, worded, also=taken)
        edits.append(Edit(example_path(other), None, worded))
    if draft.proposal:
        edits += Proposals(ctx.db).replacement(draft.proposal).edits
    return edits


def replacement_lines(context: BotContext, replaced: Replacement) -> list[str]:
    """Return what an approval replaces, as lines; none where it only adds."""
    lines = [
        context.translate(
            "page-proposal-replaces",
            example=example.id,
            answer=menu.cut(" ".join(example.answer.split()), _LETTERS),
        )
        for example in replaced.examples
    ]
    if replaced.tests:
        named = ", ".join(test.id for test in replaced.tests)
        arguments = {"count": len(replaced.tests), "examples": named}
        lines.append(context.translate("page-proposal-tests", **arguments))
    return lines


def _proof_view(
    context: BotContext, draft: Draft, edit: Edit, old: str | None, seen: PreviewView, note: str
) -> View:
    """Show the proof and wait for what the person makes of it.

    `seen` is what the checker says of the draft, `old` the text that lies there, None for none.
    """
    title = context.translate(_title(draft), dataset=dataset_title(context, draft.dataset))
    verdict = "examples-is-fine" if seen.is_good else "examples-has-errors"
    if edit.text == old:
        verdict = "examples-nothing-changed"
    found = [*finding_lines(context, seen), format_price(context, seen)]
    words = admin.join_lines(*found, context.translate(verdict))
    is_savable = seen.is_good and edit.text != old
    is_long = len(edit.text or old or "") > _TEXT_LETTERS
    if draft.proposal:
        replaced = replacement_lines(context, Proposals(context.db).replacement(draft.proposal))
        notes = [note, model_answer(context, draft.proposal), *replaced]
        note = "\n\n".join(filter(None, notes))
    return ask(
        context,
        PROOF,
        title,
        note,
        *_preview(context, old, edit.text),
        _wording(context, draft),
        words,
        back=way_back(draft),
        draft=draft,
        rows=_rows(draft, is_savable=is_savable, is_long=is_long),
        kept={"good": is_savable},
    )


_ROLES = {"system": "⚙️", USER: "👤", ASSISTANT: "🤖"}


def _preview(
    context: BotContext, old: str | None, new: str | None
) -> Iterator[str | menu.CodeBlock]:
    """Yield the example as question and answer, and what leads to it from the one that lies there.

    One that is more than its words is shown as its file.
    """
    text = (old if new is None else new) or ""
    example = parse_example(text)
    messages = example.messages if example and not (example.tools or example.rejected) else ()
    if messages and all(message.role in _ROLES and not message.extra for message in messages):
        lines = turn_lines([(message.role, message.content) for message in messages])
        yield menu.cut("\n".join(lines), _TEXT_LETTERS)
        tags = ", ".join(example.tags) if example else ""
        is_test = example is not None and example.split == TEST
        mark = context.translate("examples-for-test") if is_test else ""
        yield admin.join_lines(tags and f"🏷 {tags}", mark)
    else:
        yield menu.CodeBlock(menu.cut(text, _TEXT_LETTERS))
    if old is not None and new is not None:
        # What leads from one to the other, without names and numbers of lines.
        lines = unified_diff(old, new).split("\n")[3:]
        changed = "\n".join("⋯" if line.startswith("@@") else line for line in lines)
        yield menu.CodeBlock(menu.cut(changed, _DIFF_LETTERS), "diff")


def turn_lines(turns: Sequence[tuple[str, str]]) -> list[str]:
    """Return turns as lines, each behind the sign of who says it."""
    return [f"{_ROLES[role]} {words}" for role, words in turns]


def _wording(context: BotContext, draft: Draft) -> str:
    """Return a new example's question in other words, or how many of these are missing."""
    if draft.wording:
        return context.translate("examples-wording-is", words=draft.wording)
    if not draft.is_new:
        return ""
    part = test_questions.count_test_questions(*admin.performer(context), draft.dataset)
    if not part.missing:
        return ""
    return context.translate("examples-tests", questions=part.questions, least=part.least)


def _title(draft: Draft) -> str:
    if draft.is_gone:
        return "examples-proof-delete"
    if draft.change:
        return "examples-proof-conflict"
    if draft.proposal:
        return "examples-proof-proposal"
    return "examples-proof-edit" if draft.before else "examples-proof-new"


def finding_lines(context: BotContext, seen: PreviewView) -> list[str]:
    """Return the findings as lines, those at the edited files first."""
    found = [finding_line(context, finding) for finding in seen.findings]
    found += [finding_line(context, each, is_named=True) for each in seen.around]
    more = len(found) - MAX_FINDINGS
    shown = found[:MAX_FINDINGS]
    return [*shown, context.translate("examples-more", count=more)] if more > 0 else shown


def finding_line(context: BotContext, finding: Finding, *, is_named: bool = False) -> str:
    """Return a finding as one line; `is_named`: with the file that it stands at."""
    name = f"{finding.path.removeprefix(EXAMPLES)}: " if is_named else ""
    words = menu.cut(finding.text(context.language), _FINDING_LETTERS)
    return f"{_SIGNS[finding.severity]} {name}{words}"


def format_price(context: BotContext, seen: PreviewView) -> str:
    """Return tokens and the price of the next training, "" where nobody knows."""
    forecast = seen.next_training
    if forecast is None:
        return ""
    about = {"tokens": seen.tokens, "examples": forecast.examples}
    if forecast.cost_micro is None:
        return f"🧮 {context.translate('did-change', **about)}"
    cost = money.format_estimate(context.language, forecast.cost_micro, forecast.currency)
    return f"🧮 {context.translate('did-change-price', **about, price=cost)}"


def _rows(draft: Draft, *, is_savable: bool, is_long: bool) -> Iterator[menu.RowOf]:
    if is_savable:
        key, style = ("examples-save", "success")
        if draft.is_gone:
            key, style = ("examples-delete", "danger")
        yield ("examples-approve" if draft.proposal else key, "ex:save", style)
    if not draft.is_gone:
        whole = not draft.proposal and ("examples-edit-whole", "ex:word:y")
        compare = is_savable and ("page-answers", "ex:answers")
        yield (("examples-edit-question", "ex:word:q"), ("examples-edit-answer", "ex:word:a"))
        yield (("examples-edit-tags", "ex:word:t"), _test_button(draft))
        if draft.is_new:
            yield (("examples-wording", "ex:wording"), ("examples-turn", "ex:turn"))
        yield (whole, compare)
    elif is_savable:
        yield ("page-answers", "ex:answers")
    if draft.proposal:
        yield ("examples-decline", f"ex:no:{draft.proposal}", "danger")
    if is_long:
        yield ("examples-as-file", "ex:whole")


def _test_button(draft: Draft) -> menu.Entry:
    """Return the button that makes an example a test question, or one to learn; None if broken."""
    example = draft.example()
    if example is None:
        return None
    return ("examples-no-test" if example.split == TEST else "examples-for-test", "ex:test")


def switch_test(context: BotContext) -> Draft:
    """Return the draft with the other mark. Raises NotFound for one that cannot be read."""
    draft = current_draft(context)
    example = draft.example()
    if example is None:
        raise Refused("the example is broken", "examples-broken")
    return replace(draft, split="" if example.split == TEST else TEST)


def way_back(draft: Draft) -> str:
    """Return where a draft's Back leads, as a button's data."""
    mark = admin.short_hash(draft.dataset)
    if draft.proposal:
        return "ex:queue:0"
    if draft.change:
        return f"ex:change:{draft.change}"
    if draft.before:
        return f"ex:one:{mark}:{admin.short_hash(draft.example_id)}"
    return "ex:unturn" if draft.turns else f"ex:ds:{mark}"


def save(context: BotContext) -> View:
    """Ask for the commit of the draft that was shown."""
    require_step(context, PROOF)
    draft = current_draft(context)
    if dialog_value(context, "good") is not True:
        raise Refused("the draft has errors", "change-not-good")
    ctx, actor = context.services, admin.actor(context)
    if draft.change:
        changes.rewrite(ctx, actor, draft.change, draft.written(), draft.before)
    elif draft.proposal:
        editor = commit_editor(context)
        proposals.approve(ctx, actor, draft.proposal, draft.example(), editor)
    else:
        edits, editor = edits_of(context, draft), commit_editor(context)
        changes.save(ctx, actor, draft.dataset, edits, editor=editor)
    context.stop_waiting()
    return saved_view(context, draft.dataset)


def ask_wording(context: BotContext) -> View:
    """Ask for a new example's question in other words."""
    require_step(context, PROOF)
    title = context.translate("examples-wording")
    text = context.translate("examples-ask-wording")
    return ask(context, WORDING, title, text, back="ex:look", draft=current_draft(context))


def worded_draft(context: BotContext) -> Draft:
    """Return the draft with the words that were sent. Raises Refused for the question's own."""
    draft, words = current_draft(context), context.text.strip()
    if words in {content for _, content in draft.turns}:
        raise Refused("the same words", "examples-wording-same")
    return replace(draft, wording=words)


def saved_view(
    context: BotContext, dataset: str, title: str = "examples-saved-title", words: str = ""
) -> View:
    """Return what the person sees when a commit has been asked for; `title` is a text's key."""
    mark = admin.short_hash(dataset)
    rows: menu.Rows = (
        (("examples-add", f"ex:add:{mark}"), ("examples-changes", "ex:changes:0")),
        ("examples-to-dataset", f"ex:ds:{mark}"),
    )
    late = "" if is_daemon_alive(context.services) else "-late"
    words = words or context.translate(f"examples-saved{late}")
    return menu.card(context, context.translate(title), words, rows=rows)
