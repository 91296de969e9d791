"""Rows of what people's questions meant, as presses on offered questions leave them."""

from itertools import count

from merlin.account.users import Consents
from merlin.chat.wordings import LabelKind
from merlin.db.tables import WORDING

_NUMBERS = count(900_001)


def add_presses(db, dataset, question, meant, people, kind=LabelKind.PRESSED):
    """Store that people, who gave the consent, meant a taught question by this one."""
    for user_id in people:
        Consents(db).give(user_id, "1")
        texts = {"question": db.cipher.seal(question), "meant": db.cipher.seal(meant)}
        row = {"turn_id": next(_NUMBERS), "user_id": user_id, "dataset": dataset}
        row |= {"kind": kind.value, "mark": "", "at": "2026-12-01", **texts}
        db.put(WORDING.insert(row))
