"""What people's questions meant: the label of a question that got no answer of its own.

    offered questions -> one of them is asked next, pressed or typed    it meant that one
                      -> "none of these"                                it meant none of them
    not known         -> the next wording is answered                   it meant that answer

One row for each turn, the last word counts. Only of people whose consent stands, masked and
encrypted; equal questions are found by a keyed hash of their normal form. They offer a question at
once (`find_meant`); what is taught, an editor decides (`merlin.app.wordings`).
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from merlin.chat.feedback import EXAMPLE_FORMATS, has_consent
from merlin.chat.turns import Turn
from merlin.core.clock import from_iso, iso
from merlin.core.vocabulary import list_subject_stems
from merlin.dataset.example import normalise
from merlin.dataset.near_questions import needs_turn_before
from merlin.dataset.proposals import MAX_CHARACTERS
from merlin.dataset.sensitive import mask_personal_data
from merlin.db.database import Repository, Row, in_portions, transaction
from merlin.db.tables import WORDING
from merlin.db.values import RowMap, decrypt

# How long after a question another wording of it may come.
SOON = timedelta(minutes=10)
MAX_READ = 5_000
# These run for every question that `recall` answers or declines.
_MAY_BE_READ = """user_id IN (
    SELECT user_id FROM consent WHERE given_at IS NOT NULL AND revoked_at IS NULL)"""
_EARLIER = f"""
SELECT before.id, before.user_id, before.question, before.nearest, before.known, before.format,
    before.asked_at, now.asked_at AS now
FROM turn AS now JOIN turn AS before
    ON before.session_id = now.session_id AND before.user_id = now.user_id AND before.id < now.id
WHERE now.id = :turn_id AND before.is_replaced = 0 AND now.{_MAY_BE_READ}
ORDER BY before.id DESC LIMIT 5
"""  # noqa: S608 - our own words
_MEANT = f"""
SELECT user_id, meant FROM wording
WHERE dataset = ? AND kind = ? AND mark = ? AND {_MAY_BE_READ}
"""  # noqa: S608 - our own words


class LabelKind(StrEnum):
    """How it is known what a question meant."""

    # The values are stored in the database.
    PRESSED = "pressed"
    NEXT = "next"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Label:
    """A masked question, and what it meant.

    `meant` is the taught question that was pressed; of `NEXT` the answer that the next wording got;
    "" of `NONE`.
    """

    turn_id: int
    user_id: int
    dataset: str
    kind: LabelKind
    question: str
    meant: str = ""


_LABELS = RowMap(Label, sealed=WORDING.sealed)


class Labels(Repository):
    """The labels of all datasets."""

    @transaction
    def learn(self, turn: Turn, dataset: str, answer: str, language: str) -> None:
        """Store what an earlier question meant, now that this turn of its person is answered.

        Nothing for a person without a consent. Texts are masked in `language`.
        """
        asked = normalise(turn.question.text)
        for place, row in enumerate(self.db.sql(_EARLIER, turn_id=turn.turn_id)):
            if row.known != 0:
                continue
            offers = {
                normalise(each): each for each in self._open(row.nearest).splitlines()
            }
            if asked in offers:
                self._put(row, dataset, LabelKind.PRESSED, offers[asked], language)
                return
            words = normalise(self._open(row.question))
            is_soon = from_iso(row.now) - from_iso(row.asked_at) <= SOON
            # Without a word of it, the next question was another one: 3 of 3 in a trial.
            stems = {*list_subject_stems(words)}
            is_same = not stems.isdisjoint(list_subject_stems(asked))
            if place == 0 and is_soon and is_same and not needs_turn_before(words):
                self._put(row, dataset, LabelKind.NEXT, answer, language)
                return

    @transaction
    def put_none(self, turn_id: int, dataset: str, language: str) -> None:
        """Store that a declined question of a person with a consent meant no offered one."""
        query = "SELECT * FROM turn WHERE id = :turn_id AND known = 0 AND nearest <> ''"
        for row in self.db.sql(query, turn_id=turn_id):
            self._put(row, dataset, LabelKind.NONE, "", language)

    def _put(
        self, row: Row, dataset: str, kind: LabelKind, meant: str, language: str
    ) -> None:
        question = self._open(row.question)
        if row.format not in EXAMPLE_FORMATS or len(question) > MAX_CHARACTERS:
            return
        masked = mask_personal_data(question, language).words.strip()
        label = Label(row.id, row.user_id, dataset, kind, masked, meant)
        values = _LABELS.write(label, self.db)
        values |= {"mark": self._mark(masked)[0], "at": iso(self._clock())}
        self.db.upsert(WORDING, {"turn_id": values.pop("turn_id")}, values)

    def find_meant(self, dataset: str, question: str) -> str:
        """Return the offered question that most people pressed who asked this, "" for none."""
        people = defaultdict[str, set[int]](set)
        for mark in self._mark(question):
            for row in self.db.sql(_MEANT, dataset, LabelKind.PRESSED.value, mark):
                people[self._open(row.meant)].add(row.user_id)
        return max(people, key=lambda each: len(people[each]), default="")

    def list_newest(self, dataset: str, limit: int = MAX_READ) -> list[Label]:
        """Return the newest labels of a dataset of people whose consent stands, newest first."""
        is_of = (WORDING.dataset == dataset) & has_consent(WORDING.user_id)
        newest = WORDING.select().where(is_of).order_by(WORDING.turn_id.desc())
        return _LABELS.read_all(self.db, newest.limit(limit))

    def delete(self, turn_ids: Collection[int]) -> None:
        """Delete labels that an editor decided about."""
        for some in in_portions(sorted(turn_ids)):
            self.db.delete(WORDING, WORDING.turn_id.in_(some))

    def delete_of(self, user_id: int) -> None:
        """Delete the labels of a person who withdraws the consent."""
        self.db.delete(WORDING, WORDING.user_id == user_id)

    def _mark(self, question: str) -> list[str]:
        """Return the keyed hashes of a question, the newest key's first."""
        return self.db.cipher.marks(f"wording {normalise(question)}")

    def _open(self, sealed: str) -> str:
        return decrypt(self.db.cipher, sealed) or ""
