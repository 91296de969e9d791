"""Models and promotions: the newest good model in git order serves, visible to all readers."""

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations

import pytest

from merlin.app import models
from merlin.chat.model_catalogue import ModelCatalogue
from merlin.core.errors import NotFound, Refused
from merlin.db.database import open_database
from merlin.db.processes import read_change_counter
from merlin.db.tables import MODEL, REVOKED_EXAMPLE
from merlin.training.jobs import JobState
from merlin.training.launch_plan import Launches
from merlin.training.models import ModelState, refuse_serving
from merlin.training.promote import (
    PromotionCandidate,
    Promotions,
    find_before,
    promote_by_hand,
    roll_back,
)
from tests.db.pipeline_rows import (
    FACE,
    OPERATOR,
    make_commit,
    make_example,
    make_examples,
    make_spec,
    planning_config,
)
from tests.support.ending import wait_for_end
from tests.support.migrated_databases import on_both_databases

pytestmark = pytest.mark.integration


def serve(world, *positions):
    """Take commits all the way to live models; return the models' ids."""
    return [world.serve(each, make_examples(11 + each)) for each in positions]


def train(world, position, state=ModelState.GOOD):
    """Take a commit to a model that is tested and may serve next; return the model's id."""
    model_id = world.finish(world.start(position, make_examples(11 + position)))
    world.prove(state)
    return model_id


def test_postponed_model_is_due_after_its_delay(world, clock):
    world.finish(world.start(1, make_examples()))
    (model,) = world.models.list_unproved()
    world.models.postpone(model, 30.0, "still loading")
    assert world.models.list_unproved() == []
    clock.move(-86_400)  # the clock is set back
    assert [model.model_row] == [
        each.model_row for each in world.models.list_unproved()
    ]
    clock.move(86_400)
    assert world.models.list_unproved() == []
    clock.move(30)
    (again,) = world.models.list_unproved()
    assert (again.probes, again.note) == (1, "still loading")


def test_refused_model_fails_its_verdicts_and_never_serves(world):
    train(world, 1, ModelState.REFUSED)
    (verdict,) = world.log()
    assert (verdict.status, verdict.reason) == ("failed", "verdict-model-refused")
    assert verdict.arguments["note"] == "mute"
    assert world.promotions.list_newest_good() == []
    assert world.models.list_proved() == []


def test_settled_model_stays_settled(world):
    world.serve(1, make_examples())
    model = world.promotions.list_serving()[FACE].model
    world.models.settle(model, ModelState.REFUSED, None, "late")
    world.models.postpone(model, 5.0, "late")
    assert world.promotions.model(model.model_id) == model
    (recent,) = world.recent_models()
    assert recent.evaluation.chrf == 77.5


def test_missing_model_is_not_a_candidate(world):
    first, _ = serve(world, 1, 2)
    model = world.promotions.list_serving()[FACE].model
    world.models.settle(model, ModelState.GONE, None, "404")
    (candidate,) = world.promotions.list_newest_good()
    assert (candidate.model.model_id, candidate.position) == (first, 1)


def test_restored_model_is_a_candidate_again(world):
    world.serve(1, make_examples(12))
    model = world.promotions.list_serving()[FACE].model
    assert [model.state for model in world.models.list_proved()] == [ModelState.GOOD]
    world.models.settle(model, ModelState.GONE, None, "")
    assert [model.state for model in world.models.list_proved()] == [ModelState.GONE]
    world.models.settle(model, ModelState.GOOD, None, "")
    assert world.models.list_proved() == [model]
    assert [candidate.model for candidate in world.promotions.list_newest_good()] == [
        model
    ]
    assert world.promote() == []


def test_first_good_model_serves_and_is_recorded(world, clock):
    model_id = train(world, 4)
    before = read_change_counter(world.db)
    world.promote()
    assert read_change_counter(world.db) > before, "who waits for the promotion wakes"
    serving = world.promotions.list_serving()[FACE]
    assert (serving.model.model_id, serving.position) == (model_id, 4)
    assert (serving.since, serving.is_pinned) == (clock(), False)
    (promotion,) = models.list_promotions(world.ctx, OPERATOR, FACE)
    assert (promotion.before, promotion.to) == (None, model_id)
    assert (promotion.why, promotion.by, promotion.at) == ("newest", "merlin", clock())
    assert world.statuses() == {"a004": "serving"}


def test_promotion_follows_git_order_whatever_finishes_first(world, clock):
    """Each dataset finishes three jobs in another order: all six orders."""
    orders = {f"d{n:02d}": order for n, order in enumerate(permutations(range(1, 4)))}
    jobs = {name: {} for name in orders}
    world.launches = Launches(world.db, planning_config(active_jobs=1000), clock)
    for position in range(1, 4):
        examples = make_examples(10 + position)
        outcomes = [
            world.outcome(make_spec(name, system=f"Это {name}."), examples)
            for name in orders
        ]
        world.record(make_commit(position), outcomes, clock())
        for job in world.launch():
            jobs[job.dataset][position] = job
    for step in range(3):
        for name, order in orders.items():
            world.finish(jobs[name][order[step]])
        world.prove_and_promote()
        for name, serving in world.promotions.list_serving().items():
            assert serving.position == max(orders[name][: step + 1])
            assert serving.model.job_id == jobs[name][serving.position].job_id
    rows = world.db.sql("SELECT dataset, position, status FROM verdict")
    for name, position, word in rows:
        earlier = orders[name][: orders[name].index(position)]
        is_overtaken = any(other > position for other in earlier)
        assert word == ("superseded" if is_overtaken else "serving"), (
            orders[name],
            position,
        )


@on_both_databases
def test_one_of_ten_concurrent_promotions_wins(world):
    world.serve(1, make_examples(12))
    old = world.promotions.list_serving()[FACE]
    train(world, 2)
    (candidate,) = world.promotions.list_newest_good()
    for before, expected in ((None, 0), (old, 1), (old, 0)):
        with ThreadPoolExecutor(10) as pool:
            results = pool.map(
                lambda _: world.promotions.promote(before, candidate, "newest", "x"),  # noqa: B023
                range(10),
            )
            assert sum(results) == expected
    assert len(world.promotions.list_served(FACE)) == 2


@on_both_databases
def test_one_of_ten_concurrent_first_promotions_wins(world):
    train(world, 1)
    with ThreadPoolExecutor(10) as pool:
        switched = list(pool.map(lambda _: world.promote(), range(10)))
    assert sum(map(len, switched)) == 1
    assert len(world.promotions.list_served(FACE)) == 1


def test_rollback_lasts_until_it_is_unpinned(world):
    """The next commit's model waits, and is live once the pin is taken off."""
    first, second = serve(world, 1, 2)
    roll_back(world.promotions, FACE, "vera")
    assert world.serving() == first
    assert world.promotions.list_serving()[FACE].position == 2
    assert world.promote() == []
    third = world.serve(3, make_examples(14))
    assert world.serving() == first
    world.promotions.pin(FACE, is_pinned=False)
    world.promote()
    assert world.serving() == third
    roll_back(world.promotions, FACE, "vera", to=second)
    promotions = [
        (promotion.before, promotion.to, promotion.why)
        for promotion in models.list_promotions(world.ctx, OPERATOR, FACE)
    ]
    assert promotions[0] == (third, second, "rollback")
    assert promotions[2] == (second, first, "rollback")
    # The one it replaced, not the newer one that was left for it.
    before = find_before(world.db, world.promotions.model(second))
    assert before is not None
    assert before.model_id == first


def test_return_to_an_earlier_build_is_named_by_the_commit_it_was_trained_from(world):
    first, _ = serve(world, 1, 2)
    world.push(3, make_examples(12))
    world.launch()
    world.promote()
    assert world.serving() == first
    promotions = models.list_promotions(world.ctx, OPERATOR, FACE)
    assert [promotion.why for promotion in promotions] == [
        "returned",
        "newest",
        "newest",
    ]
    (live,) = (view for view in world.recent_models(FACE) if view.serves)
    assert (
        models.name_commits(world.ctx, [live])[live.id].commit
        == world.verdict(1).commit
    )


def test_rollback_to_the_live_model_is_refused_because_it_is_live(world):
    first, second = serve(world, 1, 2)
    for name in (second, f"{FACE}-2"):
        with pytest.raises(Refused) as caught:
            roll_back(world.promotions, FACE, "vera", to=name)
        assert caught.value.key == "rollback-live"
    assert roll_back(world.promotions, FACE, "vera", to=first).model_id == first


@pytest.mark.parametrize(
    ("state", "key"),
    [
        (ModelState.NEW, "promote-not-good"),
        (ModelState.REFUSED, "promote-not-good"),
        (ModelState.GONE, "promote-gone"),
        (ModelState.REVOKED, "promote-revoked"),
        (ModelState.GOOD, None),
    ],
)
def test_only_a_good_model_may_serve_and_the_reason_says_why_not(world, state, key):
    first, _ = serve(world, 1, 2)
    world.db.update(MODEL, MODEL.model_id == first, state=state.value)
    reason = refuse_serving(world.promotions.model(first))
    assert (reason and reason.key) == key
    assert [row.model_id for row in ModelCatalogue(world.db).earlier_rows(FACE)] == (
        [] if key else [first]
    )
    if key is None:
        assert roll_back(world.promotions, FACE, "vera").model_id == first
        return
    with pytest.raises(Refused) as caught:
        roll_back(world.promotions, FACE, "vera")
    assert caught.value.key == key


def test_rollback_passes_over_a_model_that_may_not_serve(world):
    first, second, _ = (
        world.serve(number, make_examples(11 + number)) for number in (1, 2, 3)
    )
    world.db.update(MODEL, MODEL.model_id == second, state=ModelState.GONE.value)
    assert roll_back(world.promotions, FACE, "vera").model_id == first


def test_second_rollback_goes_further_back_not_to_the_model_just_replaced(world):
    first, second, third = serve(world, 1, 2, 3)
    assert roll_back(world.promotions, FACE, "vera").model_id == second
    catalogue = ModelCatalogue(world.ctx.db)
    assert [row.model_id for row in catalogue.earlier_rows(FACE)] == [first, third]
    assert roll_back(world.promotions, FACE, "vera").model_id == first
    assert [row.model_id for row in catalogue.earlier_rows(FACE)] == [second, third]
    world.promotions.pin(FACE, is_pinned=False)
    assert world.serve(4, make_examples(15)) not in (first, second, third)
    assert [row.model_id for row in catalogue.earlier_rows(FACE)] == [
        first,
        second,
        third,
    ]


def test_rollback_target_is_the_model_before_the_live_one_that_was_not_rolled_back(
    world,
):
    names = (FACE, "algorithms", "python")
    first = {}
    for start, names_of_step in ((1, names), (4, names), (7, names[:1])):
        for position, name in enumerate(names_of_step, start):
            model_id = world.serve(
                position, make_examples(11 + start), spec=make_spec(name)
            )
            first.setdefault(name, model_id)
    assert roll_back(world.promotions, "python", "vera").model_id == first.pop("python")
    of_all = models.find_rollback_targets(world.ctx, OPERATOR, [*names, "unknown"])
    targets = {name: model.title for name, model in of_all.items()}
    assert targets == {
        FACE: f"{FACE}-2",
        "algorithms": "algorithms-1",
        "python": "python-2",
    }


def test_pin_set_meanwhile_stops_a_running_promotion(world):
    world.serve(1, make_examples(12))
    serving = world.promotions.list_serving()[FACE]
    world.promotions.pin(FACE, is_pinned=True)
    assert not world.promotions.promote(
        serving, PromotionCandidate(serving.model, 2), "newest", "merlin"
    )


def test_manual_promotion_keeps_the_pin_and_the_higher_position(world):
    first = world.serve(1, make_examples(12))
    world.serve(5, make_examples(13))
    world.promotions.pin(FACE, is_pinned=True)
    promote_by_hand(world.promotions, f"{FACE}-1", "vera")
    serving = world.promotions.list_serving()[FACE]
    assert (serving.model.model_id, serving.position, serving.is_pinned) == (
        first,
        5,
        True,
    )


def test_commits_trained_under_a_pin_say_so_until_it_is_taken_off(world):
    world.serve(1, make_examples(12))
    world.promotions.pin(FACE, is_pinned=True)
    serve(world, 2, 3)
    newest, older, _ = world.log()
    assert (newest.state, newest.reason) == ("pinned", "verdict-pinned")
    assert older.status == "superseded"
    world.promotions.pin(FACE, is_pinned=False)
    assert world.log()[0].state == "testing"
    world.promote()
    assert world.statuses() == {
        "a001": "serving",
        "a002": "superseded",
        "a003": "serving",
    }


def test_pin_that_is_taken_off_leaves_those_of_other_datasets(world):
    for position, name in ((1, FACE), (2, "python")):
        world.serve(position, make_examples(12), spec=make_spec(name))
        world.promotions.pin(name, is_pinned=True)
        world.serve(position + 2, make_examples(13), spec=make_spec(name))
    world.promotions.pin(FACE, is_pinned=False)
    assert [world.log(name)[0].state for name in (FACE, "python")] == [
        "testing",
        "pinned",
    ]


def test_model_held_by_the_pin_ends_no_older_one_that_is_not_tested_yet(world):
    world.serve(1, make_examples(12))
    world.promotions.pin(FACE, is_pinned=True)
    world.finish(world.start(2, make_examples(13)))
    (older,) = world.models.list_unproved()
    world.finish(world.start(3, make_examples(14)))
    world.models.postpone(older, 30.0, "still loading")
    world.prove_and_promote()
    assert world.log()[0].state == "pinned"
    assert world.verdict(2).status == "training"


def test_model_made_live_by_hand_is_no_longer_held_by_the_pin(world):
    world.serve(1, make_examples(12))
    world.promotions.pin(FACE, is_pinned=True)
    world.serve(2, make_examples(13))
    promote_by_hand(world.promotions, f"{FACE}-2", "vera")
    assert world.statuses() == {"a001": "serving", "a002": "serving"}
    assert world.promotions.list_serving()[FACE].is_pinned


def test_commit_that_returns_to_the_pinned_model_is_live(world):
    first = world.serve(1, make_examples(12))
    world.promotions.pin(FACE, is_pinned=True)
    world.serve(2, make_examples(13))
    world.push(3, make_examples(12))
    world.launch()
    world.promote()
    serving = world.promotions.list_serving()[FACE]
    assert (serving.model.model_id, serving.position, serving.is_pinned) == (
        first,
        3,
        True,
    )
    assert world.statuses() == {
        "a001": "serving",
        "a002": "superseded",
        "a003": "serving",
    }


def test_model_of_an_older_commit_does_not_overtake_one_that_trains_after_a_force_push(
    world,
):
    """After it positions begin again: the older commit's would be higher than the live model's."""
    serve(world, 1, 2, 3)
    world.history.drop_commits(1, world.clock())
    job = world.start(2, make_examples(15), name="b")
    live = world.serving()
    assert world.promote() == []
    assert world.serving() == live
    model_id = world.finish(job)
    world.prove_and_promote()
    assert world.serving() == model_id


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED])
def test_model_of_the_remaining_commit_serves_once_no_later_one_trains(world, state):
    first, _ = serve(world, 1, 2)
    world.history.drop_commits(1, world.clock())
    job = world.start(2, make_examples(15), name="b")
    world.promote()
    assert world.serving() != first
    world.finish(job, state)
    world.promote()
    assert world.serving() == first


def test_newer_commit_of_the_same_model_is_not_a_new_promotion(world):
    world.serve(1, make_examples(12))
    since = world.promotions.list_serving()[FACE].since
    job = world.start(2, make_examples(13))
    world.finish(job, JobState.FAILED)
    world.push(3, make_examples(12))
    world.launch()
    world.promote()
    serving = world.promotions.list_serving()[FACE]
    assert (serving.position, serving.since) == (3, since)
    assert world.statuses() == {"a001": "serving", "a002": "failed", "a003": "serving"}
    assert len(world.promotions.list_served(FACE)) == 1


def test_another_recipe_on_the_same_build_is_another_model(world):
    first = world.start(1, make_examples(12))
    world.push(2, make_examples(12), spec=make_spec(hyperparameters={"n_epochs": 3}))
    (verdict,) = world.launches.list_waiting()
    assert verdict.build_id == first.build_id
    world.finish(first)
    world.prove_and_promote()
    assert world.statuses() == {"a001": "serving", "a002": "built"}


def test_models_are_found_by_name_and_by_version(world):
    first = world.serve(1, make_examples(12))
    for name in (first, f"{FACE}-1"):
        assert world.promotions.model(name).model_id == first
    for name in ("none", f"{FACE}-2", "-1", f"{FACE}-", f"{FACE}-²"):
        with pytest.raises(NotFound):
            world.promotions.model(name)


def test_dataset_without_a_serving_model_cannot_be_pinned_or_rolled_back(world):
    with pytest.raises(NotFound):
        world.promotions.pin(FACE, is_pinned=True)
    with pytest.raises(NotFound):
        roll_back(world.promotions, FACE, "vera")
    world.serve(1, make_examples(12))
    with pytest.raises(Refused):
        roll_back(world.promotions, FACE, "vera")


def test_readers_always_see_a_serving_model(world, url):
    serve(world, 1, 2)
    versions = []
    stop = threading.Event()

    def read():
        with open_database(url, read_only=True) as connection:
            promotions = Promotions(connection)
            while not stop.is_set():
                serving = promotions.list_serving()
                versions.append(
                    serving[FACE].model.build_version if FACE in serving else None
                )

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(4):
        promote_by_hand(world.promotions, f"{FACE}-{number % 2 + 1}", "vera")
    stop.set()
    for reader in readers:
        wait_for_end(reader)
    assert set(versions) <= {f"{FACE}-1", f"{FACE}-2"}
    assert versions


def test_model_that_is_no_longer_good_at_the_moment_of_switching_does_not_serve(world):
    first = world.serve(1, make_examples(12))
    train(world, 2)
    (candidate,) = world.promotions.list_newest_good()
    old = world.promotions.list_serving()[FACE]
    world.models.settle(candidate.model, ModelState.GONE, None, "")
    assert not world.promotions.promote(old, candidate, "newest", "merlin")
    assert world.serving() == first


@pytest.fixture
def withdraw(world):
    """Return a function that withdraws the consent to one example of a dataset."""

    def withdraw_example(example_id, dataset=FACE):
        row = {"dataset": dataset, "example_id": example_id}
        world.db.put(REVOKED_EXAMPLE.insert(row))
        world.promotions.retire_revoked()

    return withdraw_example


def test_withdrawn_example_revokes_no_model_of_another_dataset_with_the_same_id(
    world, withdraw
):
    """Ids are paths within a dataset, so two datasets may share one."""
    mine = world.serve(1, make_examples(12))
    theirs = world.serve(2, make_examples(12), spec=make_spec("python"))
    withdraw(make_example(5).id, "python")
    assert (world.serving(), world.serving("python")) == (mine, None)
    states = [world.promotions.model(name).state for name in (mine, theirs)]
    assert states == [ModelState.GOOD, ModelState.REVOKED]


def test_revoked_model_is_replaced_by_the_one_that_served_before_not_by_the_newest(
    world, withdraw
):
    before = world.serve(1, make_examples(12))
    world.serve(2, (*make_examples(12), make_example(50)))
    world.promotions.pin(FACE, is_pinned=True)
    newest = world.serve(3, make_examples(14))
    assert newest not in world.promotions.list_served(FACE)
    withdraw(make_example(50).id)
    assert world.serving() == before


def test_revoked_model_that_alone_served_is_replaced_by_a_good_one_of_its_dataset(
    world, withdraw
):
    world.serve(1, (*make_examples(12), make_example(50)))
    world.promotions.pin(FACE, is_pinned=True)
    good = world.serve(2, make_examples(14))
    other = world.serve(3, make_examples(12), spec=make_spec("python"))
    withdraw(make_example(50).id)
    assert (world.serving(), world.serving("python")) == (good, other)
