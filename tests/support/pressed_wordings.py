"""Rows of what people's questions meant, as presses on offered questions leave them."""

from datetime import UTC, datetime
from itertools import count

from merlin.account.users import Consents
from merlin.chat.wordings import LabelKind
from merlin.core.clock import iso
from merlin.db.tables import WORDING

_NUMBERS = count(900_001)
AT = datetime(2026, 12, 1, tzinfo=UTC)


def add_presses(db, dataset, question, meant, people, at=AT):
    """Store that people, who gave the consent, meant a taught question by this one."""
    for user_id in people:
        Consents(db).give(user_id, "1")
        texts = {"question": db.cipher.seal(question), "meant": db.cipher.seal(meant)}
        row = {"turn_id": next(_NUMBERS), "user_id": user_id, "dataset": dataset}
        row |= {"kind": LabelKind.PRESSED.value, "mark": "", "at": iso(at), **texts}
        db.put(WORDING.insert(row))
