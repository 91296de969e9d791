"""Proposed examples: people's corrections and a teacher's drafts, reviewed, followed into git.

    waiting -> approved -> committed        waiting -> declined
    waiting, approved, committed -> withdrawn (the person took the consent back)

An approval asks for a change, which becomes a commit in the editor's name; several become one
commit. It deletes what a correction takes the place of (`merlin.dataset.corrections`). A change
that is refused or given up puts its proposals back. What is withdrawn is taken out of git by a
change too; what it replaced stays away. A stronger model's draft waits here too, and is nobody's.

Personal data and secrets are masked before anybody learns them, by cheap patterns: what they miss
a reviewer still sees, and the person is shown the masked words before they are sent. Texts are
encrypted, and forgotten when a proposal is declined or withdrawn.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import chain
from typing import Any

from peewee import JOIN, fn

from merlin.core.clock import Clock, from_iso, iso, utc_now
from merlin.core.errors import NotFound
from merlin.core.i18n import text
from merlin.core.messages import Message
from merlin.dataset.builds import build_version, taught_in
from merlin.dataset.changes import Change, ChangeRequest, Changes, ChangeState, Edit, make_changes
from merlin.dataset.commit_message import Editor, import_subject, local_editor, replace_subject
from merlin.dataset.corrections import Replacement, find_replacement
from merlin.dataset.example import Example, write_example
from merlin.dataset.layout import NameAllocator, example_id_of, example_path
from merlin.dataset.sensitive import MAIL, PHONE, SECRET
from merlin.db.audit import person_reference
from merlin.db.database import Database, Repository, Row, transaction
from merlin.db.notices import Notices
from merlin.db.tables import (
    BUILD,
    CHANGE,
    COMMIT,
    DATASET_FILE,
    MODEL,
    PROPOSAL,
    REVOKED_EXAMPLE,
    SERVING,
    TAUGHT_EXAMPLE,
    VERDICT,
)
from merlin.db.values import RowMap, decrypt
from merlin.training.promote import Promotions

MAX_WAITING = 20
MAX_CHARACTERS = 8000


class ProposalState(StrEnum):
    """Where a proposal stands; the values are what is stored."""

    WAITING = "waiting"
    APPROVED = "approved"
    DECLINED = "declined"
    COMMITTED = "committed"
    WITHDRAWN = "withdrawn"


CHAT, DISTIL = "chat", "distil"


@dataclass(frozen=True, slots=True)
class Draft:
    """A question and the answer that a person would have liked, masked, for a dataset.

    `rejected` is the answer that they got instead, masked too; "" where no pair is wanted.
    `split` test: a question of the test part, which nobody proposed in person; "": no mark.
    `origin` distil: `model_id` is the teacher that wrote it, `note` the passage that it was drawn
    from, `cost_micro` its share of what the call cost, in millionths of `currency`.
    """

    question: str
    answer: str
    dataset: str
    turn_id: int = 0
    model_id: str = ""
    origin: str = CHAT
    note: str = ""
    cost_micro: int = 0
    currency: str = ""
    rejected: str = ""
    split: str = ""

    @property
    def source(self) -> str:
        """Return what its example's key `source` says."""
        return f"{DISTIL}: {self.model_id}" if self.origin == DISTIL else CHAT

    @property
    def folder(self) -> str:
        """Return where its example lies within the dataset's examples."""
        return f"from-{'teacher' if self.origin == DISTIL else CHAT}/"

    @property
    def is_correction(self) -> bool:
        """Return whether somebody wrote it in place of an answer."""
        return self.turn_id != 0 and self.origin == CHAT and not self.split


@dataclass(frozen=True, slots=True)
class Proposal:
    """One draft on its way; `example_id` is the example's id in its dataset, "" before an approval.

    `change_id` is the Change that an approval asked for, `reason` why an editor declined.
    """

    proposal_id: int
    user_id: int
    draft: Draft
    state: ProposalState
    at: datetime
    example_id: str = ""
    change_id: str = ""
    reviewed_by: str = ""
    reason: str = ""

    @property
    def is_persons(self) -> bool:
        """Return whether somebody proposed it in person, and hears what became of it."""
        return self.user_id != 0 and not self.draft.split


# A phone number without its country: 8 (999) 123-45-67, 999 123 45 67.
_LOCAL_PHONE = re.compile(
    r"(?<![\d.])(?:8[ (-]{0,2})?\(?\d{3}\)?[ -]{1,2}\d{3}[ -]?\d{2}[ -]?\d{2}(?![\d.])"
    r"|(?<![\d.])8[ -]?\d{10}(?!\d)"
)
_CARD = re.compile(r"(?<!\d)\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}(?!\d)")
_HANDLE = re.compile(r"(?<![\w@/.])@[A-Za-z]\w{4,31}\b|\b(?:https?://)?t\.me/[\w+/-]{3,64}")
_NAME = re.compile(
    r"(?i:\b(?:меня зовут|моё имя|мое имя|моя фамилия|my name is|my name's|call me))"
    r"(?P<gap>[\s:—–-]{1,4})(?P<name>[^\W\d_][\w'’-]*(?: [A-ZА-ЯЁ][\w'’-]*){0,2})"
)
# In this order: a card is no phone, an e-mail address no handle.
_KINDS = (
    ("secret", SECRET),
    ("mail", MAIL),
    ("card", _CARD),
    ("phone", PHONE),
    ("phone", _LOCAL_PHONE),
    ("handle", _HANDLE),
)


@dataclass(frozen=True, slots=True)
class MaskedText:
    """The words without what was found in them, and what that was (secret, mail, card …)."""

    words: str
    found: tuple[str, ...] = ()


def mask_personal_data(words: str, language: str) -> MaskedText:
    """Return the words with personal data and secrets replaced by words of `language`."""
    found: dict[str, None] = {}

    def replaced(kind: str, pattern: re.Pattern[str], message: str) -> str:
        masked = pattern.sub(lambda _: text(language, f"mask-{kind}"), message)
        if masked != message:
            found[kind] = None
        return masked

    for kind, pattern in _KINDS:
        words = replaced(kind, pattern, words)
    unnamed = _NAME.sub(
        lambda met: met.group().removesuffix(met["name"]) + text(language, "mask-name"), words
    )
    if unnamed != words:
        found["name"] = None
    return MaskedText(unnamed, tuple(found))


_DRAFTS = RowMap(Draft, sealed=PROPOSAL.sealed)
_PROPOSALS = RowMap(Proposal, columns={"proposal_id": "id"}, sealed=PROPOSAL.sealed)
_FORGOTTEN: Row = {"question": "", "answer": "", "rejected": "", "reason": "", "note": ""}
_WAITS = PROPOSAL.state == ProposalState.WAITING.value
_IS_TAUGHT = (TAUGHT_EXAMPLE.dataset == PROPOSAL.dataset) & (
    TAUGHT_EXAMPLE.example_id == PROPOSAL.example_id
)


class Proposals(Repository):
    """One row a correction that somebody proposed."""

    def __init__(self, db: Database, clock: Clock = utc_now) -> None:
        super().__init__(db, clock)
        self._changes = Changes(db, clock)
        self._promotions = Promotions(db, clock)

    @transaction
    def add(self, user_id: int, draft: Draft) -> int | None:
        """Propose an example; one of the same turn that still waits gives way to it."""
        condition = (PROPOSAL.user_id == user_id) & _WAITS
        if draft.turn_id:
            self.db.change(PROPOSAL.delete().where(condition & (PROPOSAL.turn_id == draft.turn_id)))
        if self.db.count(PROPOSAL, condition) >= MAX_WAITING:
            return None
        return self._add(user_id, draft)

    @transaction
    def add_drafts(self, drafts: Sequence[Draft]) -> None:
        """Propose what a teacher wrote; its texts have been checked."""
        for draft in drafts:
            self._add(0, draft)

    def _add(self, user_id: int, draft: Draft) -> int:
        nothing = dict.fromkeys(
            ("example_id", "change_id", "removal_id", "reviewed_by", "reason"), ""
        )
        row = {
            **nothing,
            **_DRAFTS.write(draft, self.db),
            "user_id": user_id,
            "state": ProposalState.WAITING.value,
            "is_thanked": 0,
            "at": iso(self._clock()),
            "reviewed_at": None,
        }
        return self.db.add(PROPOSAL, row)

    def first_at(self, *, committed: bool = False) -> datetime | None:
        """Return when the first correction was sent; of committed ones, when it was approved."""
        at = PROPOSAL.reviewed_at if committed else PROPOSAL.at
        sent = PROPOSAL.select(fn.MIN(at)).where(PROPOSAL.origin == CHAT)
        if committed:
            sent = sent.where(PROPOSAL.state == ProposalState.COMMITTED.value)
        found = self.db.value(sent)
        return from_iso(found) if found else None

    def of_user(self, user_id: int) -> list[Proposal]:
        """Return what the person proposed, oldest first, the withdrawn left out."""
        condition = (PROPOSAL.user_id == user_id) & (
            PROPOSAL.state != ProposalState.WITHDRAWN.value
        )
        query = PROPOSAL.select().where(condition).order_by(PROPOSAL.id)
        return [self._proposal(row) for row in self.db.rows(query)]

    @transaction
    def withdraw(self, user_id: int) -> list[str]:
        """Take back everything the person proposed; return the models trained on any of it.

        None of them serves from now on.
        """
        condition = PROPOSAL.user_id == user_id
        models = models_trained_on(self.db, condition)
        named = PROPOSAL.select(PROPOSAL.dataset, PROPOSAL.example_id)
        named = named.where(condition & (PROPOSAL.example_id != ""))
        rows = [{**row, "at": iso(self._clock())} for row in self.db.rows(named)]
        if rows:
            # Their names are kept, and no model serves that learnt one.
            self.db.add_missing(REVOKED_EXAMPLE, rows)
            self._promotions.retire_revoked()
        ended = {"state": ProposalState.WITHDRAWN.value, **_FORGOTTEN}
        if self.db.change(PROPOSAL.update(ended).where(condition)):
            self.db.bump()
        return models

    def open_questions(self, dataset: str) -> list[str]:
        """Return the questions of a dataset's proposals that wait or are on their way to git."""
        states = [ProposalState.WAITING.value, ProposalState.APPROVED.value]
        condition = (PROPOSAL.dataset == dataset) & PROPOSAL.state.in_(states)
        rows = self.db.rows(PROPOSAL.select(PROPOSAL.question).where(condition))
        return [decrypt(self.db.cipher, row["question"]) or "" for row in rows]

    def count(self, datasets: Sequence[str] | None = None, split: str = "") -> int:
        """Return how many wait, of these datasets (None: of all), with this mark ("": with any)."""
        these = _waiting(datasets)
        return self.db.count(PROPOSAL, these & (PROPOSAL.split == split) if split else these)

    def waiting(
        self, offset: int = 0, limit: int = 8, datasets: Sequence[str] | None = None
    ) -> list[Proposal]:
        """Return what waits, oldest first."""
        query = PROPOSAL.select().where(_waiting(datasets)).order_by(PROPOSAL.id)
        return [self._proposal(row) for row in self.db.rows(query.offset(offset).limit(limit))]

    def get(self, proposal_id: int) -> Proposal:
        """Return a proposal. Raises NotFound."""
        row = self.db.row(PROPOSAL.select().where(PROPOSAL.id == proposal_id))
        if row is None:
            message = f"no proposal {proposal_id}"
            raise NotFound(message, "proposal-unknown", proposal=str(proposal_id))
        return self._proposal(row)

    @transaction
    def approve(
        self, proposal_id: int, draft: Draft, editor: Editor, by: int, tags: tuple[str, ...] = ()
    ) -> str | None:
        """Ask for the commit that makes it an example as `draft` says; return the Change's id.

        The commit is made in the name of `editor`; `by` is the user who approved.
        """
        return self.approve_all({proposal_id: draft}, editor, str(by), tags)

    @transaction
    def approve_all(
        self, drafts: Mapping[int, Draft], editor: Editor, by: str, tags: tuple[str, ...] = ()
    ) -> str | None:
        """Ask for one commit of proposals of one dataset; return the id of its first Change.

        `by` is who asked, as `Change` has it. None where one does not wait any more.
        """
        if any(self.get(draft).state is not ProposalState.WAITING for draft in drafts):
            return None
        edits = self.edits(drafts, tags)
        (dataset,) = {draft.dataset for draft in drafts.values()}
        change_request = ChangeRequest(editor, by, self._clock())
        made = [*chain(*edits.values())]
        changes = make_changes(dataset, made, change_request, _subject(dataset, [*edits.values()]))
        self._changes.put(changes)
        change_ids = {change.inside: change.change_id for change in changes}
        for proposal_id, (new, *_) in edits.items():
            values = {"example_id": example_id_of(new.path), "change_id": change_ids[new.path]}
            self._review(proposal_id, ProposalState.APPROVED, by, {"dataset": dataset, **values})
        return changes[0].change_id

    def replacement(self, proposal_id: int) -> Replacement:
        """Return what goes once it is approved; nothing but for a correction. Raises NotFound."""
        draft = self.get(proposal_id).draft
        if not draft.is_correction:
            return Replacement()
        return find_replacement(self.db, draft.dataset, draft.question, draft.answer)

    def edits(
        self, drafts: Mapping[int, Draft], tags: tuple[str, ...] = ()
    ) -> dict[int, list[Edit]]:
        """Return of each proposal as `drafts` says it: its new file, then what is deleted for it.

        The file has an id that no example or proposal has or had. All are of one dataset.
        """
        names: dict[str, NameAllocator] = {}
        edits = dict[int, list[Edit]]()
        gone = set[str]()
        for proposal_id, draft in drafts.items():
            if draft.folder not in names:
                names[draft.folder] = self._names(draft)
            name = names[draft.folder].new(draft.question)
            path = example_path(f"{draft.folder}{name}")
            old = [edit for edit in self.replacement(proposal_id).edits if edit.path not in gone]
            gone |= {each.path for each in old}
            edits[proposal_id] = [Edit(path, None, example_yaml(draft, tags)), *old]
        return edits

    def _names(self, draft: Draft) -> NameAllocator:
        files = DATASET_FILE.select(DATASET_FILE.path).where(DATASET_FILE.dataset == draft.dataset)
        lying = [example_id_of(row["path"]) for row in self.db.rows(files)]
        own_query = PROPOSAL.select(PROPOSAL.example_id).where(PROPOSAL.dataset == draft.dataset)
        select = REVOKED_EXAMPLE.select(REVOKED_EXAMPLE.example_id).where(
            REVOKED_EXAMPLE.dataset == draft.dataset
        )
        named = (row["example_id"] for query in (own_query, select) for row in self.db.rows(query))
        return NameAllocator(each.removeprefix(draft.folder) for each in (*lying, *named))

    @transaction
    def decline(self, proposal_id: int, by: int | str, reason: str = "") -> bool:
        """Say no; the words are forgotten. False where it does not wait any more."""
        why = self.db.cipher.seal(reason) if reason else ""
        values = {**_FORGOTTEN, "reason": why}
        return self._review(proposal_id, ProposalState.DECLINED, str(by), values)

    def _review(self, proposal_id: int, state: ProposalState, by: str, fields: Row) -> bool:
        reviewer = person_reference(int(by)) if by.isdecimal() else by
        reviewed = {"reviewed_by": reviewer, "reviewed_at": iso(self._clock())}
        condition = (PROPOSAL.id == proposal_id) & _WAITS
        values = {**fields, **reviewed, "state": state.value}
        return self.db.change(PROPOSAL.update(values).where(condition)) > 0

    def _proposal(self, row: Row) -> Proposal:
        return _PROPOSALS.read(row, self.db)


def _subject(dataset: str, edits: Sequence[Sequence[Edit]]) -> str:
    """Return the commit's line for proposals, each its new file and then what goes for it."""
    if len(edits) > 1:
        return import_subject(len(edits), dataset)
    ((new, *old),) = edits
    return replace_subject(example_id_of(old[0].path), example_id_of(new.path)) if old else ""


def models_trained_on(db: Database, these: Any) -> list[str]:
    """Return the models that learnt any of these proposals, by name."""
    query = (
        PROPOSAL.select(MODEL.model_id)
        .join(TAUGHT_EXAMPLE, on=_IS_TAUGHT)
        .join(MODEL, on=taught_in(MODEL.build_id, MODEL.dataset))
        .where(these & (PROPOSAL.example_id != ""))
        .distinct()
    )
    return sorted(row["model_id"] for row in db.rows(query))


def example_yaml(draft: Draft, tags: tuple[str, ...] = ()) -> str:
    """Return a draft as the file that it would be."""
    turns = (Message("user", draft.question), Message("assistant", draft.answer))
    worse = Message("assistant", draft.rejected) if draft.rejected else None
    example = Example(
        "", "", "", turns, tags, draft.split or None, draft.source, draft.note, rejected=worse
    )
    return write_example(example)


def _waiting(datasets: Sequence[str] | None) -> Any:
    return _WAITS if datasets is None else _WAITS & PROPOSAL.dataset.in_(list(datasets))


# In whose name an example is taken out, and who asked for it: nobody is told of that Change.
MERLIN = "merlin"
AT_ONCE = 50
_WITHDRAWN = (PROPOSAL.state == ProposalState.WITHDRAWN.value) & (PROPOSAL.example_id != "")


class ProposalFollower(Repository):
    """What becomes of approvals and withdrawals, and who is to be thanked."""

    def __init__(self, db: Database, clock: Clock = utc_now) -> None:
        super().__init__(db, clock)
        self._changes = Changes(db, clock)
        self._notices = Notices(db, clock)

    def is_due(self) -> bool:
        """Return whether anything is on its way, or somebody to be thanked; writes nothing."""
        approved = PROPOSAL.state == ProposalState.APPROVED.value
        on_its_way = PROPOSAL.select(PROPOSAL.id).where(approved | _WITHDRAWN)
        return any(self.db.row(query) is not None for query in (on_its_way, _learnt()))

    def follow(self) -> None:
        """See what became of approvals and withdrawals, and thank those whose words were learnt.

        Where nothing is to be done nothing is written.
        """
        approved = PROPOSAL.state == ProposalState.APPROVED.value
        for row in self._rows(approved):
            self._settle(row, self._change(row["change_id"]))
        for row in self._rows(_WITHDRAWN & (PROPOSAL.removal_id != "")):
            self._check_removal(row, self._change(row["removal_id"]))
        for row in self._rows(_WITHDRAWN & (PROPOSAL.removal_id == "")):
            self._remove(row, self._change(row["change_id"]))
        for row in self.db.rows(_learnt()):
            self._thank(row)

    def _rows(self, these: Any) -> list[Row]:
        return self.db.rows(PROPOSAL.select().where(these).order_by(PROPOSAL.id).limit(AT_ONCE))

    def _change(self, change_id: str) -> Change | None:
        try:
            return self._changes.get(change_id)
        except NotFound:
            return None

    @transaction
    def _settle(self, row: Row, change: Change | None) -> None:
        """Note that an approved example is in git, or that its Change came to nothing."""
        if change is None or change.state is ChangeState.COMMITTED:
            self._set(row, state=ProposalState.COMMITTED.value)
        elif change.state is ChangeState.REFUSED:
            again = {"state": ProposalState.WAITING.value, "example_id": "", "change_id": ""}
            self._set(row, **again)

    @transaction
    def _remove(self, row: Row, change: Change | None) -> None:
        """Take a withdrawn example back: its Change as long as it waits, else its file."""
        if change is not None and change.state is not ChangeState.COMMITTED:
            is_over = change.state is ChangeState.REFUSED
            if is_over or self._changes.give_up(change.change_id):
                # git never had it
                these = REVOKED_EXAMPLE.dataset == row["dataset"]
                these &= REVOKED_EXAMPLE.example_id == row["example_id"]
                self.db.change(REVOKED_EXAMPLE.delete().where(these))
                self._set(row, example_id="")
            return
        path = example_path(row["example_id"])
        condition = (DATASET_FILE.dataset == row["dataset"]) & (DATASET_FILE.path == path)
        blob = self.db.value(DATASET_FILE.select(DATASET_FILE.blob).where(condition))
        if blob is None and change is not None and not self._is_recorded(change):
            return  # the shelf has yet to get it
        # Of a file that is on no shelf git itself is asked: nothing waits for what never comes.
        edit = Edit(path, None if blob is None else str(blob), None)
        change_request = ChangeRequest(local_editor(MERLIN), MERLIN, self._clock())
        changes = make_changes(row["dataset"], [edit], change_request)
        self._changes.put(changes)
        self._set(row, removal_id=changes[0].change_id)

    def _is_recorded(self, change: Change) -> bool:
        """Return whether the commit of a change was fetched."""
        # One that is being recorded has neither a place on the line nor a verdict yet.
        recorded = VERDICT.select(VERDICT.commit_sha).where(VERDICT.commit_sha == change.commit)
        is_told = COMMIT.position.is_null(False) | COMMIT.sha.in_(recorded)  # noqa: FBT003 - peewee's own
        query = COMMIT.select(COMMIT.sha).where((COMMIT.sha == change.commit) & is_told)
        return self.db.row(query) is not None

    @transaction
    def _check_removal(self, row: Row, change: Change | None) -> None:
        """Let a removal be asked for anew where somebody changed the file in between."""
        if change is None or change.state is ChangeState.COMMITTED:
            self._set(row, example_id="")
        elif change.state is ChangeState.CONFLICT:
            self._changes.give_up(change.change_id)
            self._set(row, removal_id="")
        elif change.state is ChangeState.REFUSED:
            self._set(row, removal_id="")

    @transaction
    def _thank(self, row: Row) -> None:
        """Thank a person, once, for what the serving model has learnt from them."""
        condition = (PROPOSAL.id == row["id"]) & (PROPOSAL.is_thanked == 0)
        if self.db.change(PROPOSAL.update({"is_thanked": 1}).where(condition)):
            build, user = build_version(row["dataset"], row["number"]), str(row["user_id"])
            # Who approved it themselves hears of the edit; of several one thank is enough.
            if row["by_whom"] != user:
                once = f"learnt:{user}:{build}"
                self._notices.tell(user, "notice-learnt", {"build": build}, once)

    def _set(self, row: Row, **values: object) -> None:
        is_same = (PROPOSAL.id == row["id"]) & (PROPOSAL.state == row["state"])
        self.db.change(PROPOSAL.update(values).where(is_same))


def _learnt() -> Any:
    """Return the SELECT of proposals that a serving model learnt and nobody was thanked for."""
    states = [ProposalState.APPROVED.value, ProposalState.COMMITTED.value]
    open_ = PROPOSAL.state.in_(states) & (PROPOSAL.is_thanked == 0) & (PROPOSAL.example_id != "")
    named = (PROPOSAL.id, PROPOSAL.user_id, PROPOSAL.dataset, BUILD.number, CHANGE.by_whom)
    query = PROPOSAL.select(*named)
    query = query.join(CHANGE, JOIN.LEFT_OUTER, on=(CHANGE.change_id == PROPOSAL.change_id))
    query = query.join(TAUGHT_EXAMPLE, on=_IS_TAUGHT)
    query = query.join(MODEL, on=taught_in(MODEL.build_id, MODEL.dataset))
    query = query.join(SERVING, on=(SERVING.model_row == MODEL.id))
    query = query.join(BUILD, on=(BUILD.id == MODEL.build_id))
    by_person = (PROPOSAL.user_id != 0) & (PROPOSAL.split == "")
    return query.where(open_ & by_person).limit(AT_ONCE)
