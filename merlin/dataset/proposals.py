"""Proposed examples: users' corrections and a teacher model's drafts, from review to commit.

    waiting -> approved -> committed        waiting -> declined
    waiting, approved, committed -> withdrawn (the user withdrew consent)

An approval creates a change, which becomes a commit in the editor's name; several approvals become
one commit, and those with the same text one file. A correction adds its question as an example,
unless one asks the same, and gives the examples that it corrects (`merlin.dataset.corrections`) the
new answer in their own files. Which version of such a file was the last without a user's words is
in `corrected`. When a change is refused or cancelled, its proposals wait again, as the editor
worded them (`merlin.dataset.proposal_follower`). A teacher model's draft is a proposal without a
user.

Personal data and secrets are masked before a proposal is stored (`sensitive.mask_personal_data`).
Texts are encrypted, and erased when a proposal is declined or withdrawn. The reason of a decline is
encrypted, too, and erased with the row.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from itertools import chain, cycle
from typing import Any

from peewee import fn

from merlin.billing.quota import pseudonyms
from merlin.core.clock import Clock, from_iso, iso, utc_now
from merlin.core.errors import NotFound
from merlin.core.messages import Message
from merlin.dataset.builds import is_in_build
from merlin.dataset.changes import (
    ChangeRequest,
    Changes,
    Edit,
    make_changes,
)
from merlin.dataset.commit_message import (
    Subject,
    file_subject,
    import_subject,
)
from merlin.dataset.corrections import Corrected, find_corrected
from merlin.dataset.entries import read_blobs
from merlin.dataset.example import Example, normalise
from merlin.dataset.example_file import parse_example, write_example
from merlin.dataset.layout import RATED, NameAllocator, example_id_of, example_path
from merlin.dataset.split import TRAIN
from merlin.db.database import Columns, Database, Repository, Row, transaction
from merlin.db.notices import Notices
from merlin.db.tables import (
    BUILD,
    DATASET_FILE,
    MODEL,
    PROPOSAL,
    PROPOSAL_EDITOR,
    REVOKED_EXAMPLE,
    REVOKED_VERSION,
    TAUGHT_EXAMPLE,
    TURN,
)
from merlin.db.values import RowMap, decrypt, dump_json, load_json

MAX_WAITING = 20
MAX_CHARACTERS = 8000
MAX_REASON = 300
# How long an editor counts as changing a proposal after the last sign of it.
EDITING = timedelta(minutes=5)


class ProposalState(StrEnum):
    """State of a proposal."""

    # The values are stored in the database.
    WAITING = "waiting"
    APPROVED = "approved"
    DECLINED = "declined"
    COMMITTED = "committed"
    WITHDRAWN = "withdrawn"


CHAT = "chat"
DISTIL = "distil"
# What people asked, as another wording of a taught question; what rules made of one.
WORDING = "wording"
FRAMES = "frames"


@dataclass(frozen=True, slots=True)
class Draft:
    """A masked question and its preferred answer, for a dataset.

    `rejected` is the masked answer that the user received; "" without a preference pair.
    `split` test: a generated question for the test part, not proposed by a user; "": unmarked.
    `before_question` and `before_answer` are the turn before a question that continues a
    conversation, masked; "" without one.
    `known_answer` is the answer that the user received from known examples, "" from none.
    `origin` distil: `model_id` is the teacher model, `note` the source passage; wording: another
    one of the answer's taught question, which this user's turn asked; frames: one that rules made.
    """

    question: str
    answer: str
    dataset: str
    turn_id: int = 0
    model_id: str = ""
    origin: str = CHAT
    note: str = ""
    rejected: str = ""
    split: str = ""
    before_question: str = ""
    before_answer: str = ""
    known_answer: str = ""

    @property
    def messages(self) -> tuple[Message, ...]:
        """Return the messages of its example."""
        before = (
            (self.before_question, self.before_answer) if self.before_question else ()
        )
        texts = (*before, self.question, self.answer)
        return tuple(map(Message, cycle(("user", "assistant")), texts))

    @property
    def source(self) -> str:
        """Return the value of the example's key `source`."""
        by_teacher = f"{DISTIL}: {self.model_id}"
        return {DISTIL: by_teacher, FRAMES: FRAMES}.get(self.origin, CHAT)

    @property
    def folder(self) -> str:
        """Return the folder of its example below the dataset's examples."""
        made_by = {DISTIL: "teacher", FRAMES: FRAMES}
        return f"from-{made_by.get(self.origin, CHAT)}/"

    @property
    def is_wording(self) -> bool:
        """Return whether it is another wording of a taught question."""
        return self.origin in {WORDING, FRAMES}

    @property
    def is_correction(self) -> bool:
        """Return whether a user wrote it to replace an answer."""
        return self.turn_id != 0 and self.origin == CHAT and not self.split


@dataclass(frozen=True, slots=True)
class Proposal:
    """One draft and its state; `example_ids` are its examples, by spaces, "" before an approval.

    `change_id` is the Change that the approval created.
    """

    proposal_id: int
    user_id: int
    draft: Draft
    state: ProposalState
    at: datetime
    example_ids: str = ""
    change_id: str = ""


_DRAFTS = RowMap(Draft, sealed=PROPOSAL.sealed)
_PROPOSALS = RowMap(Proposal, columns={"proposal_id": "id"}, sealed=PROPOSAL.sealed)
_FORGOTTEN: Columns = dict.fromkeys(
    (
        "question",
        "answer",
        "rejected",
        "note",
        "before_question",
        "before_answer",
        "known_answer",
        "reason",
    ),
    "",
)
# What a proposal has that waits, and one whose Change was refused gets again.
REOPENED: Columns = {
    "state": ProposalState.WAITING.value,
    "example_ids": "",
    "change_id": "",
    "corrected": "{}",
}
# Proposal -> an answer, as in `Proposals.plan_edits`.
Replaced = Mapping[int, str]
NOTHING: Replaced = {}
# The condition of those that no editor has decided yet.
WAITS = PROPOSAL.state == ProposalState.WAITING.value


def rated_prefixes(db: Database, user_id: int) -> list[str]:
    """Return how the ids of a person's rated answers in builds begin, the newest key's first.

    A pseudonym is known without the answers, which may be deleted before the build is.
    """
    return [f"{RATED}{-pseudonym}-" for pseudonym in pseudonyms(db, user_id)]


class Proposals(Repository):
    """Proposals, their review and their withdrawal; one row each."""

    def __init__(self, db: Database, clock: Clock = utc_now) -> None:
        super().__init__(db, clock)
        self._changes = Changes(db, clock)

    @transaction
    def add(self, user_id: int, draft: Draft) -> int | None:
        """Add a proposal and return its id, None when the user has too many waiting.

        It replaces a waiting proposal for the same turn, however many wait. Test questions made of
        a user's answers neither count among nor replace the user's own proposals.
        """
        condition = (
            (PROPOSAL.user_id == user_id) & WAITS & (PROPOSAL.split == draft.split)
        )
        same_turn = condition & (PROPOSAL.turn_id == draft.turn_id)
        is_replaced = draft.turn_id and self.db.delete(PROPOSAL, same_turn)
        if not is_replaced and self.db.count(PROPOSAL, condition) >= MAX_WAITING:
            return None
        return self._add(user_id, draft)

    @transaction
    def add_drafts(self, drafts: Sequence[Draft], user_id: int = 0) -> list[int]:
        """Add drafts whose texts are checked, of a teacher model or (of this user) wordings.

        Return their ids.
        """
        return [self._add(user_id, draft) for draft in drafts]

    def has_waiting(self, dataset: str, origin: str) -> bool:
        """Return whether a proposal of this origin waits: its editors were told of the first."""
        return self.db.has(
            PROPOSAL, _is_waiting([dataset]) & (PROPOSAL.origin == origin)
        )

    def _add(self, user_id: int, draft: Draft) -> int:
        row = {
            **REOPENED,
            "removal_id": "",
            **_DRAFTS.write(draft, self.db),
            "user_id": user_id,
            "at": iso(self._clock()),
            "reviewed_at": None,
        }
        return self.db.add(PROPOSAL, row)

    def find_first_at(self, *, committed: bool = False) -> datetime | None:
        """Return when the first correction was sent, or the first committed one approved."""
        at = PROPOSAL.reviewed_at if committed else PROPOSAL.at
        sent = PROPOSAL.select(fn.MIN(at)).where(PROPOSAL.origin == CHAT)
        if committed:
            sent = sent.where(PROPOSAL.state == ProposalState.COMMITTED.value)
        found = self.db.value(sent)
        return from_iso(found) if found else None

    def of_user(self, user_id: int) -> list[Proposal]:
        """Return the user's proposals except withdrawn ones, oldest first."""
        condition = (PROPOSAL.user_id == user_id) & (
            PROPOSAL.state != ProposalState.WITHDRAWN.value
        )
        query = PROPOSAL.select().where(condition).order_by(PROPOSAL.id)
        return _PROPOSALS.read_all(self.db, query)

    @transaction
    def withdraw(self, user_id: int) -> list[str]:
        """Withdraw a user's proposals and ratings; return the models trained on any of them.

        `Promotions.retire_revoked` then stops serving those models.
        """
        condition = PROPOSAL.user_id == user_id
        # First, as it waits for an approval in progress, whose example is then known.
        state = ProposalState.WITHDRAWN.value
        if self.db.update(PROPOSAL, condition, state=state, **_FORGOTTEN):
            self.db.announce_change()
        named = list[Columns]()
        versions = list[Columns]()
        for row in self.db.rows(PROPOSAL.select().where(condition)):
            corrected = load_json(row.corrected)
            for example_id in row.example_ids.split():
                example = {"dataset": row.dataset, "example_id": example_id}
                if example_id in corrected:
                    blobs = self._list_versions(row, example_id, *corrected[example_id])
                    versions += [{**example, "blob": blob} for blob in blobs]
                else:
                    named.append(example)
        example_columns = TAUGHT_EXAMPLE.dataset, TAUGHT_EXAMPLE.example_id
        for prefix in rated_prefixes(self.db, user_id):
            is_theirs = TAUGHT_EXAMPLE.example_id.startswith(prefix)
            own = TAUGHT_EXAMPLE.select(*example_columns).where(is_theirs).distinct()
            named += [row._asdict() for row in self.db.rows(own)]
        # They stay stored: no model trained on one of them may serve.
        self.db.add_missing(REVOKED_EXAMPLE, named)
        self.db.add_missing(REVOKED_VERSION, versions)
        models = set[str]()
        for each in [*named, *versions]:
            trained = is_in_build(MODEL.build_id, MODEL.dataset)
            query = MODEL.select(MODEL.model_id).join(TAUGHT_EXAMPLE, on=trained)
            taught = (
                getattr(TAUGHT_EXAMPLE, name) == value for name, value in each.items()
            )
            models.update(row.model_id for row in self.db.rows(query.where(*taught)))
        return sorted(models)

    def _list_versions(
        self, row: Row, example_id: str, build: int, clean: str
    ) -> set[str]:
        """Return the blobs of an example since a proposal corrected it, except `clean`.

        `build` was the newest before. They are of builds, of edits, and of the file as it is.
        """
        dataset = row.dataset
        path = example_path(example_id)
        since = TAUGHT_EXAMPLE.first_build > build
        taught = TAUGHT_EXAMPLE.select(TAUGHT_EXAMPLE.blob).where(since)
        taught = taught.where(
            TAUGHT_EXAMPLE.dataset == dataset, TAUGHT_EXAMPLE.example_id == example_id
        )
        blobs = {blob for (blob,) in self.db.rows(taught)}
        blobs.update(read_blobs(self.db, DATASET_FILE, dataset, [path]).values())
        blobs.update(self._changes.list_blobs(row.change_id, f"{dataset}/{path}"))
        return blobs - {clean}

    def open_questions(self, dataset: str) -> list[str]:
        """Return the questions of a dataset's waiting and approved proposals."""
        states = [ProposalState.WAITING.value, ProposalState.APPROVED.value]
        condition = (PROPOSAL.dataset == dataset) & PROPOSAL.state.in_(states)
        rows = self.db.rows(PROPOSAL.select(PROPOSAL.question).where(condition))
        return [decrypt(self.db.cipher, row.question) or "" for row in rows]

    def count(self, datasets: Sequence[str] | None = None, split: str = "") -> int:
        """Return how many wait in these datasets (None: all) with this split mark ("": any)."""
        is_waiting = _is_waiting(datasets)
        return self.db.count(
            PROPOSAL, is_waiting & (PROPOSAL.split == split) if split else is_waiting
        )

    def count_wordings(self, dataset: str, starts: Sequence[datetime]) -> list[int]:
        """Return how many wordings of a dataset were accepted and committed in each period.

        A period ends where the next one starts, the last one has no end.
        """
        is_committed = PROPOSAL.state == ProposalState.COMMITTED.value
        accepted = PROPOSAL.select(PROPOSAL.example_ids, fn.MIN(PROPOSAL.reviewed_at))
        accepted = accepted.where(is_committed & (PROPOSAL.dataset == dataset))
        accepted = accepted.where(PROPOSAL.origin.in_([WORDING, FRAMES]))
        begun = [iso(start) for start in starts]
        places = Counter(
            bisect_right(begun, at)
            for _, at in self.db.rows(accepted.group_by(PROPOSAL.example_ids))
        )
        return [places[number] for number in range(1, len(begun) + 1)]

    def list_waiting(
        self, offset: int = 0, limit: int = 8, datasets: Sequence[str] | None = None
    ) -> list[Proposal]:
        """Return waiting proposals, oldest first."""
        query = PROPOSAL.select().where(_is_waiting(datasets)).order_by(PROPOSAL.id)
        return _PROPOSALS.read_all(self.db, query.offset(offset).limit(limit))

    def get(self, proposal_id: int) -> Proposal:
        """Return a proposal. Raises NotFound."""
        number = str(proposal_id)
        missing = NotFound(f"no proposal {number}", "proposal-unknown", proposal=number)
        query = PROPOSAL.select().where(PROPOSAL.id == proposal_id)
        return _PROPOSALS.read(self.db.get_row(query, missing), self.db)

    @transaction
    def approve(
        self,
        texts: Mapping[int, str],
        request: ChangeRequest,
        replaced: Replaced = NOTHING,
    ) -> str | None:
        """Create one batch of changes for proposals of one dataset; return its first Change's id.

        `texts` and `replaced` as in `plan_edits`. None if any proposal is no longer waiting.
        """
        # Locked, so that of two processes one approves.
        approved = PROPOSAL.select(PROPOSAL.id).where(PROPOSAL.id.in_([*texts]))
        self.db.rows(self.db.for_update(approved.order_by(PROPOSAL.id)))
        proposals = [self.get(proposal_id) for proposal_id in texts]
        if any(proposal.state is not ProposalState.WAITING for proposal in proposals):
            return None
        edits = self.plan_edits(texts, replaced)
        (dataset,) = {proposal.draft.dataset for proposal in proposals}
        every = [*dict.fromkeys(chain(*edits.values()))]
        subject = _subject(dataset, every, len({made[-1] for made in edits.values()}))
        paths = {edit.path for edit in every}
        kept = chain(*(self._keep_taught(proposal.draft) for proposal in proposals))
        every += [edit for edit in dict.fromkeys(kept) if edit.path not in paths]
        changes = make_changes(dataset, every, request, subject)
        self._changes.put(changes)
        change_ids = {change.inside: change.change_id for change in changes}
        for proposal_id, made in edits.items():
            values = {
                **_DRAFTS.write(
                    reword(self.get(proposal_id).draft, texts[proposal_id]), self.db
                ),
                "example_ids": " ".join(example_id_of(edit.path) for edit in made),
                "change_id": change_ids[made[0].path],
                "corrected": dump_json(self._list_corrected(dataset, made)),
            }
            self._review(proposal_id, ProposalState.APPROVED, values)
        return changes[0].change_id

    def _keep_taught(self, draft: Draft) -> Iterator[Edit]:
        """Yield the edits that keep an answer's only taught question taught beside a wording.

        Its hash is of the test part. They bring no words of a user.
        """
        if draft.is_wording:
            nothing = Message("user", draft.answer), Message("assistant", "")
            found = find_corrected(self.db, draft.dataset, nothing, draft.answer)
            for each in found.others:
                if each.id in found.unmarked:
                    yield Edit(each.path, each.blob, found.rewrite(each, each))

    def _list_corrected(
        self, dataset: str, edits: Sequence[Edit]
    ) -> dict[str, list[Any]]:
        """Return the examples whose file gets other words, as in the column `corrected`."""
        newest = self.db.value(
            BUILD.select(fn.MAX(BUILD.id)).where(BUILD.dataset == dataset)
        )
        return {
            example_id_of(each.path): [newest or 0, each.before]
            for each in edits
            if each.before
        }

    def corrected(self, draft: Draft, replaced: str | None = None) -> Corrected:
        """Return the examples whose answer an approval of this proposal's draft changes.

        `replaced` is the answer that the editor wants to be replaced, None: the one corrected.
        """
        if not draft.is_correction:
            return Corrected()
        known = draft.known_answer if replaced is None else replaced
        found = find_corrected(self.db, draft.dataset, draft.messages, known)
        is_its_turn = (TURN.id == draft.turn_id) & (TURN.known == 1)
        return replace(found, is_sure=self.db.has(TURN, is_its_turn))

    def list_offered(self, turn_ids: Collection[int]) -> dict[int, list[str]]:
        """Return by turn the questions that were offered instead of an answer, in normal form."""
        query = TURN.select(TURN.id, TURN.nearest).where(TURN.id.in_(list(turn_ids)))
        return {
            row.id: [
                normalise(line)
                for line in (decrypt(self.db.cipher, row.nearest) or "").splitlines()
            ]
            for row in self.db.rows(query)
        }

    def plan_edits(
        self, texts: Mapping[int, str], replaced: Replaced = NOTHING
    ) -> dict[int, list[Edit]]:
        """Return the edits of each proposal: of the examples that it corrects, then its new file.

        `texts` are the files as new examples. `replaced`: proposal -> the answer that its own
        replaces in all examples, "" for none but those that ask the same; else the answer that was
        corrected. A proposal that gives the same examples another answer than an earlier one has no
        edits: it waits, and is shown beside the new answer. Those with one text share their new
        example, whose id was never used by another example or proposal. All are of one dataset.
        """
        names = cache(self._names)
        earlier = dict[str, Edit]()
        new = dict[str, Edit]()
        edits = dict[int, list[Edit]]()
        for proposal_id, file_text in texts.items():
            draft = reword(self.get(proposal_id).draft, file_text)
            example = parse_example(file_text)
            corrected = self.corrected(draft, replaced.get(proposal_id))
            made = [*_correct(corrected, example)] if example else []
            if any(earlier.get(each.path, each) != each for each in made):
                continue
            earlier.update({each.path: each for each in made})
            if not (example and corrected.same):
                if file_text not in new:
                    name = names(draft.dataset, draft.folder).allocate(
                        (example or draft).question
                    )
                    path = example_path(draft.folder + name)
                    new[file_text] = Edit(path, None, file_text)
                made.append(new[file_text])
            edits[proposal_id] = made
        return edits

    @transaction
    def settle(
        self, dataset: str, holds: Example, known_answer: str, request: ChangeRequest
    ) -> str | None:
        """Give the examples with a known answer that of another example; return the Change's id.

        None if there are none any more. Whose words the answer is holds the changed ones, too.
        """
        corrected = find_corrected(self.db, dataset, holds.messages, known_answer)
        if not corrected.examples:
            return None
        edits = [*_correct(corrected, holds)]
        changes = make_changes(dataset, edits, request, _subject(dataset, edits, 1))
        self._changes.put(changes)
        more = self._list_corrected(dataset, edits)
        of_dataset = (PROPOSAL.dataset == dataset) & PROPOSAL.example_ids.contains(
            holds.id
        )
        for row in self.db.rows(PROPOSAL.select().where(of_dataset)):
            ids = row.example_ids.split()
            known = load_json(row.corrected)
            if holds.id in ids:
                new = [each for each in more if each not in ids]
                values = {
                    "example_ids": " ".join([*ids, *new]),
                    "corrected": dump_json(
                        {**known, **{each: more[each] for each in new}}
                    ),
                }
                self.db.update(PROPOSAL, PROPOSAL.id == row.id, **values)
        return changes[0].change_id

    def _names(self, dataset: str, folder: str) -> NameAllocator:
        """Return the names that no example or proposal of the dataset has had in a folder."""
        files = DATASET_FILE.select(DATASET_FILE.path).where(
            DATASET_FILE.dataset == dataset
        )
        used = [example_id_of(row.path) for row in self.db.rows(files)]
        own = PROPOSAL.select(PROPOSAL.example_ids).where(PROPOSAL.dataset == dataset)
        used += chain(*(row.example_ids.split() for row in self.db.rows(own)))
        revoked = REVOKED_EXAMPLE.select(REVOKED_EXAMPLE.example_id)
        rows = self.db.rows(revoked.where(REVOKED_EXAMPLE.dataset == dataset))
        used += (row.example_id for row in rows)
        return NameAllocator(each.removeprefix(folder) for each in used)

    @transaction
    def decline(self, proposal_id: int, reason: str = "") -> bool:
        """Decline a proposal, tell its author and erase its texts; False if it does not wait.

        `reason` is for the author.
        """
        values = {**_FORGOTTEN, "reason": self.db.cipher.seal(reason) if reason else ""}
        if not self._review(proposal_id, ProposalState.DECLINED, values):
            return False
        row = self.db.rows(PROPOSAL.select().where(PROPOSAL.id == proposal_id))[0]
        key = "notice-proposal-declined-why" if reason else "notice-proposal-declined"
        tell_author(self.db, self._clock, row, key)
        return True

    def _review(self, proposal_id: int, state: ProposalState, fields: Columns) -> bool:
        condition = (PROPOSAL.id == proposal_id) & WAITS
        at = iso(self._clock())
        self.db.delete(PROPOSAL_EDITOR, PROPOSAL_EDITOR.proposal == proposal_id)
        return self.db.update(
            PROPOSAL, condition, **fields, reviewed_at=at, state=state.value
        )

    def mark_editor(self, proposal_id: int, user_id: int) -> None:
        """Record that a person is changing a proposal now."""
        key = {"proposal": proposal_id, "user_id": user_id}
        self.db.upsert(PROPOSAL_EDITOR, key, {"at": iso(self._clock())})

    def list_editors(self, proposal_ids: Collection[int]) -> dict[int, list[int]]:
        """Return by proposal the ids of those who are changing it, the latest first."""
        editors = dict[int, list[int]]()
        is_now = PROPOSAL_EDITOR.at > iso(self._clock() - EDITING)
        is_now &= PROPOSAL_EDITOR.proposal.in_([*proposal_ids])
        query = (
            PROPOSAL_EDITOR.select().where(is_now).order_by(PROPOSAL_EDITOR.at.desc())
        )
        for row in self.db.rows(query):
            editors.setdefault(row.proposal, []).append(row.user_id)
        return editors


def tell_author(db: Database, clock: Clock, row: Row, key: str) -> None:
    """Tell the person who wrote a proposal its outcome, once; others were written by nobody."""
    if row.user_id and not row.split and row.origin == CHAT:
        arguments = {"dataset": row.dataset, "proposal": row.id}
        Notices(db, clock).notify(
            str(row.user_id), key, arguments, once=f"proposal:{row.id}"
        )


def read_told(db: Database, proposal_id: int) -> tuple[str, str]:
    """Return what a proposal answers, and why it was declined; "" if deleted or never said.

    The question of a declined one is only in its author's turn.
    """
    rows = db.rows(PROPOSAL.select().where(PROPOSAL.id == proposal_id))
    for row in rows:
        asked = TURN.select(TURN.question).where(TURN.id == row.turn_id)
        texts = row.question or db.value(asked) or "", row.reason
        question, reason = (decrypt(db.cipher, sealed) or "" for sealed in texts)
        return question, reason
    return "", ""


def _correct(corrected: Corrected, correction: Example) -> Iterator[Edit]:
    """Yield the edits that give examples the answer of another."""
    for each in corrected.examples:
        yield Edit(each.path, each.blob, corrected.rewrite(each, correction))


def _subject(dataset: str, edits: Sequence[Edit], proposals: int) -> Subject:
    """Return the subject of a commit that approves proposals, "" for the default."""
    if any(edit.before for edit in edits):
        return file_subject("correct", edits[0].path, len(edits) - 1)
    return import_subject(proposals, dataset) if proposals > 1 else ""


def reword(draft: Draft, text: str | None) -> Draft:
    """Return a draft with question and answer of its file, as an editor wrote it, unless broken."""
    example = parse_example(text)
    if example is None:
        return draft
    *_, question, answer = example.messages
    return replace(draft, question=question.content, answer=answer.content)


def example_yaml(draft: Draft) -> str:
    """Return a draft as the text of an example file; what people wrote or use is always taught."""
    worse = Message("assistant", draft.rejected) if draft.rejected else None
    is_taught = draft.is_correction or draft.is_wording
    split = draft.split or (TRAIN if is_taught else None)
    return write_example(
        Example(
            *("", "", "", draft.messages),
            rejected=worse,
            split=split,
            source=draft.source,
            note=draft.note,
        )
    )


def _is_waiting(datasets: Sequence[str] | None) -> Any:
    return WAITS if datasets is None else WAITS & PROPOSAL.dataset.in_(list(datasets))
