"""How people come to ask a live model, and what is told where they cannot."""

import pytest

from merlin.app.board import read_board, read_commit
from merlin.app.reach import Reach, list_reaches, tell_reach
from merlin.core.i18n import text
from tests.db.pipeline_rows import (
    FACE,
    OPERATOR,
    CourseCatalogue,
    make_course,
    make_examples,
    make_spec,
    planning_config,
)

pytestmark = pytest.mark.integration

OTHER = "trial"


@pytest.fixture
def world(world):
    """Return a world where FACE went live first, and OTHER after it."""
    world.serve(1, make_examples())
    world.serve(2, make_examples(), spec=make_spec(OTHER))
    return world


def reach(world, **settings):
    return list_reaches(world.db, planning_config(**settings))


def test_first_live_model_is_the_default_where_none_is_named(world):
    assert reach(world) == {FACE: Reach.DEFAULT, OTHER: Reach.NONE}


@pytest.mark.parametrize("named", [OTHER, "without-a-model"])
def test_named_default_alone_is_the_default(world, named):
    ways = reach(world, datasets={"default": named})
    expected = {FACE: Reach.NONE, OTHER: Reach.NONE, named: Reach.DEFAULT}
    assert ways == {name: expected[name] for name in (FACE, OTHER)}


@pytest.mark.parametrize(
    ("is_active", "way"), [(True, Reach.COURSE), (False, Reach.NONE)]
)
def test_only_an_active_course_leads_to_its_model(world, is_active, way):
    CourseCatalogue(world.db).teach({OTHER: make_course("Проба", active=is_active)})
    assert reach(world)[OTHER] is way


def test_model_that_answers_presets_is_reached_by_them(world):
    def answer_presets(model_id, provider="engine"):
        chat = {"assistant": f"{provider}/{model_id}"}
        return reach(world, chat=chat)[OTHER]

    assert answer_presets(world.serving(OTHER)) is Reach.PRESET
    assert answer_presets(world.serving(FACE)) is Reach.NONE
    assert answer_presets(world.serving(OTHER), "another") is Reach.NONE


@pytest.mark.parametrize("language", ["en", "ru"])
def test_notice_of_a_model_that_none_can_ask_says_what_to_do(world, language):
    losses = {"key": "live-not-worse", "arguments": {}}
    config = planning_config()
    assert tell_reach(world.db, config, FACE, losses) == losses
    told = tell_reach(world.db, config, OTHER, losses)
    shown = text(language, told["key"], **told["arguments"])
    assert shown == f" {text(language, 'reach-none')}"
    assert "course.yaml" in shown
    assert "datasets.default" in shown


def test_board_has_how_people_come_to_each_live_model(world):
    rows = read_board(world.ctx, OPERATOR).rows
    ways = {card.dataset: card.reach for row in rows for card in row.cards}
    assert ways == {FACE: Reach.DEFAULT, OTHER: Reach.NONE}
    (story,) = read_commit(world.ctx, OPERATOR, world.log(OTHER)[0].commit)
    assert story.reach is Reach.NONE
