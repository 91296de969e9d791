"""From waiting verdicts to jobs: launched once, linked to existing jobs, or held with a reason."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from merlin.core.errors import Refused
from merlin.core.money import MICRO, Price
from merlin.dataset.verdicts import VerdictStatus
from merlin.db.processes import read_change_counter
from merlin.training import policy
from merlin.training.jobs import FORBIDDEN, Job, JobState, launch_key
from merlin.training.launch_plan import Launches, launch_by_hand, spent_micro
from merlin.training.models import ModelState
from merlin.training.policy import Decision, NextStep, month_start
from tests.db.pipeline_rows import (
    FACE,
    make_commit,
    make_examples,
    make_spec,
    planning_config,
)
from tests.support.migrated_databases import on_both_databases

pytestmark = pytest.mark.integration


def make_job(verdict, clock, attempt=1, estimate=500):
    return Job(
        job_id=0,
        launch_key=launch_key(verdict.training_key, attempt),
        dataset=verdict.dataset,
        build_id=verdict.build_id,
        provider="engine",
        recipe=verdict.spec.recipe,
        attempt=attempt,
        state=JobState.LAUNCHING,
        created_at=clock(),
        updated_at=clock(),
        estimate_micro=estimate,
    )


def push_two(world):
    """Push two commits of a dataset; return their verdicts."""
    for position in (1, 2):
        world.push(position, make_examples(11 + position))
    return world.launches.list_waiting()


def push_datasets(world, clock):
    """Push a commit of each of three datasets; return each verdict with a job for it."""
    for position, dataset in enumerate(("a", "b", "c"), 1):
        world.push(position, make_examples(12), spec=make_spec(dataset))
    verdicts = world.launches.list_waiting()
    return [(verdict, make_job(verdict, clock)) for verdict in verdicts]


def read_spent(world):
    return spent_micro(world.db, "engine", month_start(world.clock()))


def open_capped(world, micro):
    """Return launches with a monthly cap in millionths."""
    budget = {"per_month": micro / MICRO}
    return Launches(world.db, planning_config(budget=budget), world.clock)


def test_waiting_verdicts_are_sorted_by_dataset_and_position(world, clock):
    python = make_spec("python")
    for position in (1, 2):
        outcomes = [
            world.outcome(spec, make_examples(11 + position))
            for spec in (make_spec(), python)
        ]
        world.record(make_commit(position), outcomes, clock())
    launches = [
        (launch.dataset, launch.position) for launch in world.launches.list_waiting()
    ]
    assert launches == [(FACE, 1), (FACE, 2), ("python", 1), ("python", 2)]


def test_start_creates_a_job_and_supersedes_older_verdicts(world, clock):
    older, newest = push_two(world)
    job = world.launches.start(newest, make_job(newest, clock), [older])
    assert (job.state, job.attempt, job.estimate_micro) == (JobState.LAUNCHING, 1, 500)
    assert job.recipe == make_spec().recipe
    assert world.jobs.open_jobs() == [job] == [world.jobs.get(job.job_id)]
    assert world.launches.find_newest_attempt(newest.training_key) == job
    assert world.statuses() == {"a001": "superseded", "a002": "training"}


@on_both_databases
def test_one_of_ten_concurrent_starts_creates_the_job(world, clock):
    verdict = world.push_one(1, make_examples())
    new = make_job(verdict, clock)
    with ThreadPoolExecutor(10) as pool:
        jobs = list(
            pool.map(lambda _: world.launches.start(verdict, new, ()), range(10))
        )
    assert sum(job is not None for job in jobs) == 1
    assert len(world.recent_jobs()) == 1


def test_changed_verdict_gets_no_job(world, clock):
    verdict = world.push_one(1, make_examples())
    world.history.drop_commits(0, clock())
    assert world.launches.start(verdict, make_job(verdict, clock), ()) is None
    assert world.recent_jobs() == []
    final = replace(verdict, status=VerdictStatus.UNCHANGED)
    assert world.launches.start(final, make_job(verdict, clock), ()) is None


def test_changed_verdict_leaves_no_job_in_a_transaction_that_continues(world, clock):
    verdict = world.push_one(1, make_examples())
    world.history.drop_commits(0, clock())

    def start_and_count():
        assert world.launches.start(verdict, make_job(verdict, clock), ()) is None
        world.db.announce_change()

    world.db.transact(start_and_count)
    assert world.recent_jobs() == []
    assert read_change_counter(world.db) > 0


def test_held_verdict_has_a_reason_that_can_change(world):
    sha = world.push(1, make_examples())
    (verdict,) = world.launches.list_waiting()
    for step, reason in [
        (NextStep.WAIT, "held-quiet"),
        (NextStep.HOLD, "held-manual"),
        (NextStep.HOLD, "held-skip"),
        (NextStep.WAIT, "held-slots"),
    ]:
        world.launches.hold(verdict, Decision(step, reason, {"seconds": 60}), ())
        (shown,) = world.of_commit(sha)
        assert shown.status == ("held" if step is NextStep.HOLD else "built")
        assert (shown.reason, shown.arguments) == (reason, {"seconds": 60})
    (verdict,) = world.launches.list_waiting()
    assert verdict.reason == "held-slots"


def test_holding_supersedes_older_verdicts_but_not_changed_ones(world, clock):
    older, newest = push_two(world)
    world.launches.hold(newest, Decision(NextStep.HOLD, "held-skip"), [older])
    assert world.statuses() == {"a001": "superseded", "a002": "held"}
    world.launches.hold(older, Decision(NextStep.HOLD, "held-skip"), ())
    assert world.statuses()["a001"] == "superseded"


def test_held_verdict_can_be_started(world, clock):
    verdict = world.push_one(1, make_examples())
    world.launches.hold(verdict, Decision(NextStep.HOLD, "held-manual"), ())
    assert world.launches.start(verdict, make_job(verdict, clock), ()) is not None
    (shown,) = world.log()
    assert (shown.status, shown.reason) == ("training", "")


def test_revert_uses_the_existing_job(world):
    world.serve(1, make_examples(12))
    world.serve(2, make_examples(13))
    job = world.start(3, make_examples(12))
    assert job.job_id == 1
    assert world.statuses()["a003"] == "training"
    world.promote()
    assert world.statuses() == {"a001": "serving", "a002": "serving", "a003": "serving"}
    assert len(world.recent_jobs()) == 2


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED])
def test_revert_to_a_failed_job_fails_and_can_be_launched_again(world, state):
    job = world.start(1, make_examples(12))
    world.finish(job, state)
    world.serve(2, make_examples(13))
    world.push(3, make_examples(12))
    world.launch()
    (shown, *_) = world.log()
    assert (shown.status, shown.reason) == ("failed", f"verdict-job-{state}")
    assert shown.arguments["job"] == job.job_id
    relaunched = launch_by_hand(world.launches, world.verdict(3))
    assert (relaunched.attempt, relaunched.job_id) == (2, 3)
    assert world.statuses()["a003"] == "training"


def test_revert_to_a_refused_model_fails(world):
    job = world.start(1, make_examples(12))
    world.finish(job)
    world.prove(ModelState.REFUSED)
    world.serve(2, make_examples(13))
    world.push(3, make_examples(12))
    world.launch()
    assert world.statuses() == {"a001": "failed", "a002": "serving", "a003": "failed"}


def read_account(world, verdict):
    """Return the numbers of unfinished jobs, spent millionths and new examples."""
    return (
        world.launches.count_active("engine"),
        read_spent(world),
        world.launches.new_examples(verdict),
    )


def test_verdict_that_moved_on_is_not_launched_by_hand(world, clock):
    verdict = world.push_one(1, make_examples(12))
    world.push(2, make_examples(13))
    older, newest = world.launches.list_waiting()
    world.launches.start(newest, make_job(newest, clock), [older])
    with pytest.raises(Refused) as refusal:
        launch_by_hand(world.launches, verdict)
    assert refusal.value.key == "launch-moved-on"


def test_commit_without_settings_or_a_build_gives_nothing_to_launch(world):
    verdict = world.push_one(1, make_examples(12))
    with pytest.raises(Refused) as refusal:
        launch_by_hand(world.launches, replace(verdict, spec=None))
    assert refusal.value.key == "launch-no-spec"
    assert world.launches.new_examples(replace(verdict, build_id=None)) == 0


def test_account_counts_jobs_money_and_new_examples(world, clock):
    verdict = world.push_one(1, make_examples(12))
    assert read_account(world, verdict) == (0, 0, 12)
    job = world.launches.start(verdict, make_job(verdict, clock), ())
    newest = world.push_one(2, make_examples(14, changed=(3,)))
    assert read_account(world, newest) == (1, 500, 3)
    assert world.launches.count_active("other") == 0
    assert spent_micro(world.db, "engine", clock() + timedelta(days=1)) == 0
    world.finish(job)
    assert read_account(world, newest)[:2] == (0, 500)


def test_untrained_job_costs_nothing_and_its_examples_stay_new(world, clock):
    verdict = world.push_one(1, make_examples(12))
    job = world.launches.start(verdict, make_job(verdict, clock), ())
    world.finish(job, JobState.CANCELLED)
    newest = world.push_one(2, make_examples(13))
    assert read_account(world, newest) == (0, 0, 13)


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED])
@pytest.mark.parametrize(("trained_tokens", "spent"), [(0, 0), (1, 500)])
def test_lost_job_that_did_train_counts_against_the_cap(
    world, clock, state, trained_tokens, spent
):
    verdict = world.push_one(1, make_examples(12))
    world.launches.start(verdict, make_job(verdict, clock), ())
    (job,) = world.jobs.open_jobs()
    assert world.jobs.save(
        job, replace(job, state=state, trained_tokens=trained_tokens)
    )
    assert read_spent(world) == spent


def test_changed_system_text_makes_every_example_new(world, clock):
    world.push(1, make_examples(12))
    world.launch()
    verdict = world.push_one(
        2, make_examples(12), spec=make_spec(system="Отвечай подробно.")
    )
    assert world.launches.new_examples(verdict) == 12


@on_both_databases
def test_concurrent_launches_do_not_exceed_the_monthly_cap(world, clock):
    """All were decided on the same account; the spent sum is read again when a job is stored."""
    pairs = push_datasets(world, clock)
    launches = open_capped(world, 1200)
    with ThreadPoolExecutor(3) as pool:
        jobs = list(pool.map(lambda pair: launches.start(*pair, ()), pairs))
    assert sum(job is not None for job in jobs) == 2
    assert read_spent(world) == 1000
    assert sorted(world.statuses().values()) == ["built", "training", "training"]
    (left,) = world.launches.list_waiting()
    assert open_capped(world, 1500).start(left, make_job(left, clock), ()) is not None


def test_launch_of_an_earlier_month_does_not_count(world, clock):
    verdict = world.push_one(1, make_examples(12))
    launches = open_capped(world, 500)
    assert launches.start(verdict, make_job(verdict, clock), ())
    clock.move(31 * 86_400)
    newest = world.push_one(2, make_examples(13))
    assert launches.start(newest, make_job(newest, clock), ())


def test_manual_launch_over_a_cap_names_the_cap(world, clock):
    price = Price("USD", 0, 0, 0, 1_000_000)
    verdict = world.push_one(1, make_examples(12))
    cost = policy.estimate(price, world.launches.build(1), {})
    prices = {
        "recall": {"input": 0, "output": 0, "training": price.training_micro / MICRO}
    }
    config = planning_config(prices=prices, budget={"per_month": cost / MICRO})

    class RacingLaunches(Launches):
        """Another launch spends the month's budget between the decision and the reservation."""

        def start(self, verdict, job, older):
            world.push(2, make_examples(13), spec=make_spec("other"))
            (other,) = [
                waiting for waiting in self.list_waiting() if waiting.dataset == "other"
            ]
            super().start(other, make_job(other, clock, estimate=cost), ())
            return super().start(verdict, job, older)

    launches = RacingLaunches(world.db, config, clock)
    with pytest.raises(Refused) as caught:
        launch_by_hand(launches, verdict)
    assert caught.value.key == "held-month-cap"


def test_account_reports_whether_the_provider_forbade_the_newest_launch(world, clock):
    first = world.start(1, make_examples(12))
    failed = replace(first, state=JobState.FAILED, status=FORBIDDEN, updated_at=clock())
    world.jobs.save(first, failed)
    world.push(2, make_examples(13))
    assert world.launches.is_forbidden("engine")
    assert not world.launches.is_forbidden("other")
    world.launch()
    assert [launch.status for launch in world.launches.list_waiting()] == [
        VerdictStatus.HELD
    ]
    clock.move(1)
    job = launch_by_hand(world.launches, world.verdict(2))
    assert world.launches.is_forbidden("engine")
    world.finish(job)
    assert not world.launches.is_forbidden("engine")


def test_revert_to_a_missing_model_fails_and_can_be_trained_again_by_hand(world):
    world.serve(1, make_examples(12))
    model = world.promotions.list_serving()[FACE].model
    world.models.settle(model, ModelState.GONE, None, "")
    world.serve(2, make_examples(13))
    world.push(3, make_examples(12))
    world.launch()
    (shown, *_) = world.log()
    assert (shown.status, shown.reason) == ("failed", "verdict-model-gone")
    assert shown.arguments["model"] == model.model_id
    assert launch_by_hand(world.launches, world.verdict(3)).attempt == 2


def test_serving_verdict_is_launched_again_only_when_its_model_is_gone(world):
    world.serve(1, make_examples(12))
    with pytest.raises(Refused):
        launch_by_hand(world.launches, world.verdict(1))
    model = world.promotions.list_serving()[FACE].model
    world.models.settle(model, ModelState.GONE, None, "")
    job = launch_by_hand(world.launches, world.verdict(1))
    world.finish(job)
    world.prove()
    (switched,) = world.promote()
    assert (switched.model.job_id, switched.position) == (job.job_id, 1)
    assert world.statuses() == {"a001": "serving"}
    assert world.promote() == []


@on_both_databases
def test_concurrent_launches_do_not_exceed_the_slots_of_the_provider(world, clock):
    """All were decided when no job ran; the jobs are counted again when one is stored."""
    pairs = push_datasets(world, clock)
    launches = Launches(world.db, planning_config(active_jobs=2), world.clock)
    with ThreadPoolExecutor(3) as pool:
        jobs = list(pool.map(lambda pair: launches.start(*pair, ()), pairs))
    assert sum(job is not None for job in jobs) == 2
    assert sorted(world.statuses().values()) == ["built", "training", "training"]
