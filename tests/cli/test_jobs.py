"""`merlin jobs`: what was trained, what happened to it, and what the next training costs."""

import pytest

from merlin.cli import main
from merlin.core.training_events import describe_event

pytestmark = pytest.mark.functional


@pytest.fixture
def lab(serving):
    return serving


def test_list_names_the_model_of_each_job(lab, run, run_json):
    model = lab.status()["serving"]["model"]
    (job,) = run_json("jobs", "list")
    assert (job["job"], job["state"], job["model"]) == (1, "succeeded", model)
    heading, line = run("jobs", "list")[1].out.splitlines()
    assert heading.split()[:2] == ["job", "build"]
    assert line.split() == ["1", "trial-1", "done", "stand-in", model]


@pytest.mark.usefixtures("lab")
def test_newest_job_is_shown_where_none_is_named(run, run_json):
    document = run_json("jobs", "show")
    assert document == run_json("jobs", "show", "1")
    assert (document["job"], document["dataset"]) == (1, "trial")
    assert "losses" not in document, "they are in the events"
    assert run("jobs", "show") == run("jobs", "show", "1")


@pytest.mark.usefixtures("lab")
def test_events_are_described_to_people_and_whole_to_programs(run, run_json):
    events = run_json("jobs", "events")
    assert run("jobs", "events", "1")[1].out.count("\n") == 1 + len(events)
    _, *lines = run("jobs", "events")[1].out.splitlines()
    for event, line in zip(events, lines, strict=True):
        said = describe_event(event["message"], event["data"], "en")
        assert line.endswith(f"  {said}")


@pytest.mark.usefixtures("lab")
def test_quote_is_a_table_of_offers_and_why_none_can_be_taken(run, run_json):
    quote = run_json("jobs", "quote", "trial")
    assert (quote["build"], quote["base_model"]) == ("trial-1", "stand-in-base")
    captured = run("jobs", "quote", "trial")[1]
    assert len(captured.out.splitlines()) == 1 + len(quote["offers"])
    assert "stand-in-base · stand-in" in captured.out
    assert f"It can't be launched now: {quote['refusal']}" in captured.err


def test_before_the_first_job_the_next_step_is_named(make_lab, tmp_path, capsys):
    def fetch(lab):
        lab.repository.commit_dataset()
        lab.tick("fetch")

    lab = make_lab(fetch, tmp_path / "early")
    for verb in ("show", "events"):
        assert main(["jobs", verb, "--config", str(lab.path)]) == 1
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "merlin jobs launch DATASET" in captured.err
