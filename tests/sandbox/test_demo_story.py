"""The demo's report of good and wrong commits, of any dataset, in both languages."""

import io

import pytest

from merlin.config import load
from merlin.dataset.commit_message import format_subject
from merlin.sandbox.demo.place import Ports, prepare_demo
from merlin.sandbox.demo.story import Story, addresses, read_progress
from tests.support.pipeline_lab import Lab
from tests.support.stand_ins import ProviderStandIn

pytestmark = pytest.mark.functional


@pytest.fixture
def lab(tmp_path):
    with ProviderStandIn(key="stand-in") as provider:
        lab = Lab(tmp_path, provider.base_url, datasets={"default": "trial"})
        lab.repository.dataset()
        lab.repository.commit("First words")
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
        assert place.engine_key_file.read_text() not in out.getvalue()


def test_nothing_is_reported_before_the_first_commit(lab):
    assert read_report(lab) == ""


def test_commit_is_reported_up_to_serving_in_the_users_language(lab):
    lab.until_serving("trial-1")
    assert "✔ live: trial-1\n" in read_report(lab)
    assert "✔ отвечает людям: trial-1\n" in read_report(lab, "ru")


def test_broken_example_is_named_with_its_place(lab):
    lab.until_serving("trial-1")
    broken = lab.repository.folder / "datasets/trial/examples/broken.yaml"
    broken.write_text("messages: [", encoding="utf-8")
    lab.repository.commit("Break one")
    lab.tick()
    report = read_report(lab)
    assert "! checked: 1 error, 1 problem. trial/examples/broken.yaml:2:1: YAML" in report
    assert "✘ built: 1 example left out: see examples/broken.yaml:2:1" in report
    assert "✔ live" not in report


def test_commit_subject_sends_no_commands_to_the_terminal(lab):
    lab.repository.example("trial", 40)
    lab.repository.commit("Red \x1b[31m\u202e words")
    lab.tick()
    assert " Red \\x1b[31m\\u202e words\n" in read_report(lab)


def test_commit_of_a_page_is_told_in_the_words_of_the_edit(lab):
    lab.repository.example("trial", 40)
    lab.repository.commit("Add example q40")
    lab.tick()
    expected = format_subject("Add example q40", "ru")
    assert expected != "Add example q40"
    assert f" {expected}\n" in read_report(lab, "ru")
    assert read_progress(lab.config, "ru")["subject"] == expected


def test_reason_for_no_training_is_reported(lab):
    lab.until_serving("trial-1")
    lab.repository.example("trial", 40)
    lab.repository.commit("One more [skip train]")
    lab.tick()
    assert "– training: the commit says [skip train]\n" in read_report(lab)


def test_commit_to_another_dataset_is_reported(lab):
    lab.until_serving("trial-1")
    lab.repository.dataset("second")
    lab.repository.commit("A second one")
    lab.until_serving("second-1", "second")
    assert "✔ live: second-1\n" in read_report(lab)


def test_progress_of_the_page_is_in_its_language_and_empty_before_the_first_commit(lab):
    assert read_progress(lab.config, "ru")["commit"] == ""
    lab.until_serving("trial-1")
    notes = [read_progress(lab.config, language)["steps"][1]["note"] for language in ("ru", "en")]
    assert notes == ["ошибок нет, 1 замечание", "no errors, 1 problem"]


def test_commit_without_new_examples_waits_for_nothing(lab):
    lab.until_serving("trial-1")
    (lab.repository.folder / "datasets/trial/README.md").write_text("Trial", encoding="utf-8")
    lab.repository.commit("Describe it")
    lab.tick()
    progress = read_progress(lab.config, "en")
    assert progress["verdict"] == "unchanged"
    states = [step["state"] for step in progress["steps"]]
    assert states == ["done", "done", "done", "skipped", "skipped", "done"]


def test_renamed_dataset_is_reported_by_its_new_name(lab):
    lab.until_serving("trial-1")
    lab.repository.git("mv", "datasets/trial", "datasets/renamed")
    lab.repository.commit("Rename")
    lab.until_serving("renamed-1", "renamed")
    assert "✔ live: renamed-1\n" in read_report(lab)
