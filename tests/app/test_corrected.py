"""Which examples a correction changes when nobody says so."""

import pytest

from merlin.chat.turns import StoredAnswer
from merlin.dataset.corrections import Corrected, is_other_question
from merlin.dataset.proposals import Draft, Proposals
from tests.db.pipeline_rows import FACE, make_examples

pytestmark = pytest.mark.functional


@pytest.mark.parametrize(
    ("known", "is_sure"), [(True, True), (False, False), (None, False)]
)
def test_correction_knows_whether_the_live_model_was_sure(
    world, store_question, known, is_sure
):
    world.serve(1, make_examples())
    turn = store_question("А зонт?", StoredAnswer("Да.", known=known)).turn_id
    store_question("А плащ?", StoredAnswer("Да.", known=not known))
    draft = Draft("А зонт?", "Нет.", FACE, turn, known_answer="Да.")
    assert Proposals(world.db).corrected(draft).is_sure is is_sure


def test_question_of_which_the_model_was_sure_is_no_other_one():
    others = make_examples()[:1]
    assert is_other_question("Какой завтра курс рубля?", Corrected(others=others))
    assert not is_other_question(
        "Какой завтра курс рубля?", Corrected(others=others, is_sure=True)
    )
