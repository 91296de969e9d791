"""The demo's report of good and wrong commits, of any dataset, in both languages."""

import io

import pytest

from merlin.config.reading import load
from merlin.sandbox.demo.place import Ports, prepare_demo
from merlin.sandbox.demo.story import Story, addresses
from tests.support.pipeline_lab import Lab
from tests.support.stand_ins import ProviderStandIn

pytestmark = pytest.mark.functional


@pytest.fixture
def lab(tmp_path):
    with ProviderStandIn(key="stand-in") as provider:
        lab = Lab(tmp_path, provider.base_url, datasets={"default": "trial"})
        lab.repository.commit_dataset(subject="First words")
        yield lab


def read_report(lab, language="en"):
    out = io.StringIO()
    Story(lab.config, language, out).report()
    return out.getvalue()


def test_front_page_url_is_printed_first_and_the_engines_key_never(tmp_path):
    with prepare_demo(tmp_path / "demo", Ports.free()) as place:
        out = io.StringIO()
        addresses(place, Story(load(place.config), "en", out))
        first, *rest = out.getvalue().splitlines()
        assert first == f"Open {place.front_url}"
        assert str(place.repository) in rest[0]
        assert place.read_credential("MERLIN_ENGINE_KEY") not in out.getvalue()


def test_commit_is_reported_up_to_serving_in_the_users_language(lab):
    lab.until_serving("trial-1")
    assert "✔ Live: trial-1\n" in read_report(lab)
    assert "✔ Отвечает людям: trial-1\n" in read_report(lab, "ru")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_wait_and_the_trainings_of_one_commit_are_shown_on_a_terminal(lab):
    lab.repository.dataset("another")
    lab.repository.git("add", "-A")
    lab.repository.git("commit", "-q", "--amend", "--no-edit")
    terminal = Terminal()
    story = Story(lab.config, "en", terminal)
    story.report()
    assert "Starting the engine" in terminal.getvalue()
    for _ in range(40):
        lab.tick()
        story.report()
        if "✔ Live: another-1\n" in terminal.getvalue():
            break
    first, second = terminal.getvalue().split("✔ Live: trial-1\n")
    assert "s Training 1 of 2, trial-1: " in first
    assert "✔ Live: another-1\n" in second


def test_held_model_is_told_with_its_lost_questions(lab):
    lab.repository.commit_dataset(
        count=24, tests=12, gate="not_worse", subject="Ask what nobody learnt"
    )
    for _ in range(40):
        lab.tick()
        if lab.notices("notice-held"):
            break
    report = read_report(lab)
    assert (
        "– Live: trial-1, the dataset's first model, is no better than declining"
        in report
    )
    assert report.count("✗ Что значит слово номер") == 5
    assert "– Отвечает людям: trial-1 — первая модель набора" in read_report(lab, "ru")


def test_broken_example_is_named_with_its_place(lab):
    lab.until_serving("trial-1")
    broken = lab.repository.folder / "datasets/trial/examples/broken.yaml"
    broken.write_text("messages: [", encoding="utf-8")
    lab.repository.commit("Break one")
    lab.tick()
    report = read_report(lab)
    assert "✘ Check: 1 error, 1 note. trial/examples/broken.yaml:2:1: " in report
    assert "Built" not in report
    assert "Live" not in report
