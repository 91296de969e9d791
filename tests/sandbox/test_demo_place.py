"""The folder of a demo: one demo at a time, no foreign files, its language and its shop."""

import socket

import pytest
import yaml

from merlin.cli import language
from merlin.cli.processes import demo_language
from merlin.config.reading import load
from merlin.config.shop import SHOP_KEY
from merlin.core.errors import MerlinError, Refused
from merlin.sandbox.demo.place import (
    SCRIPTS,
    Ports,
    clear,
    create_repository,
    git,
    prepare_demo,
    samples,
    script_of,
)

pytestmark = pytest.mark.functional


def refuse_demo(folder, ports=None):
    """Return the error with which a demo is refused in this folder."""
    with (
        pytest.raises(Refused) as refused,
        prepare_demo(folder, ports or Ports.free()),
    ):
        pass
    return refused.value


def test_folder_holds_one_demo_at_a_time(tmp_path):
    folder = tmp_path / "demo"
    with prepare_demo(folder, Ports.free()) as place:
        text = place.config.read_text()
        assert refuse_demo(folder).key == "demo-running"
        with pytest.raises(Refused):
            clear(folder)
        assert place.config.read_text() == text
    with prepare_demo(folder, Ports.free()):
        pass
    clear(folder)
    assert not folder.exists()


def test_demo_sells_for_roubles_and_stars_in_test_mode(tmp_path):
    with prepare_demo(tmp_path / "demo", Ports.free()) as place:
        config = load(place.config)
        free, plus, voices = config.plans.values()
        assert (free.is_sold, plus.is_sold) == (False, True)
        assert [plan.rub.minor for plan in (plus, voices)] == [29_900, 9_900]
        assert [plan.xtr.minor for plan in (plus, voices)] == [200, 70]
        shop = config.payments.yookassa
        assert (shop.test, shop.bot_button) == (True, True)
        assert shop.base_url == f"{place.shop_url}v3"
        assert place.logs.parent == place.folder
        key = (place.folder / "credentials" / SHOP_KEY).read_text()
        assert key.startswith("test_")
    assert Ports.from_first(8700).shop == 8703


def test_users_own_configuration_is_neither_overwritten_nor_removed(tmp_path):
    config_path = tmp_path / "config.yaml"
    config_path.write_text("state_dir: mine")
    assert refuse_demo(tmp_path).key == "demo-folder"
    with pytest.raises(Refused):
        clear(tmp_path)
    refuse_demo(config_path / "demo")
    assert (config_path.read_text(), [*tmp_path.iterdir()]) == (
        "state_dir: mine",
        [config_path],
    )


def test_demo_keeps_its_language_until_it_is_cleared(tmp_path):
    folder = tmp_path / "demo"
    with prepare_demo(folder, Ports.free(), language="en") as place:
        create_repository(place.repository, place.script)
        assert (place.repository / "datasets" / "algorithms").is_dir()
    with prepare_demo(folder, Ports.free(), language="ru") as place:
        config = load(place.config)
        assert (config.language, config.datasets.default) == ("en", "algorithms")
    clear(folder)
    with prepare_demo(folder, Ports.free(), language="ru") as place:
        config = load(place.config)
        assert (config.language, config.datasets.default) == ("ru", "neurotypology")


def test_demo_whose_configuration_was_broken_by_hand_is_in_russian(tmp_path):
    with prepare_demo(tmp_path / "demo", Ports.free(), language="en") as place:
        create_repository(place.repository, place.script)
        assert script_of("ru", place.repository, place.config) is SCRIPTS["en"]
        place.config.write_text("language: [", encoding="utf-8")
        assert script_of("en", place.repository, place.config) is SCRIPTS["ru"]


def test_taken_port_is_named(tmp_path):
    ports = Ports.free()
    with socket.create_server(("127.0.0.1", ports.api)):
        refusal = refuse_demo(tmp_path / "demo", ports)
    assert refusal.arguments["ports"] == str(ports.api)
    assert not (tmp_path / "demo").exists()


def test_repository_is_created_once_and_completed_when_it_was_interrupted(tmp_path):
    with prepare_demo(tmp_path / "demo", Ports.free()) as place:
        place.repository.mkdir()
        in_the_way = place.repository / "datasets"
        in_the_way.touch()
        with pytest.raises(Refused) as refused:
            create_repository(place.repository, place.script)
        assert refused.value.key == "demo-no-folder"
        in_the_way.unlink()
        for _ in range(2):
            create_repository(place.repository, place.script)
        assert git(place.repository, "rev-list", "--count", "HEAD").strip() == "1"


def test_what_a_demo_lacks_is_told(tmp_path, monkeypatch):
    clear(tmp_path / "none")
    with pytest.raises(Refused, match="git rev-parse: "):
        git(tmp_path, "rev-parse", "HEAD")
    with pytest.raises(MerlinError) as missing:
        samples("nothing")
    assert missing.value.key == "demo-no-samples"
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MerlinError) as missing:
        git(tmp_path, "--version")
    assert missing.value.key == "demo-no-git"


def test_samples_are_committed_without_the_persons_signature_and_hooks(tmp_path):
    hook = tmp_path / "hooks" / "pre-commit"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    settings = {
        "commit.gpgSign": "true",
        "gpg.program": "false",
        "core.hooksPath": hook.parent,
    }
    with prepare_demo(tmp_path / "demo", Ports.free()) as place:
        for name, value in settings.items():
            git(tmp_path, "config", "--global", name, str(value))
        create_repository(place.repository, place.script)
        assert (
            git(place.repository, "log", "--format=%s").strip()
            == place.script.samples_subject
        )


@pytest.mark.parametrize(
    ("environment", "commands", "demo"),
    [
        ({}, "en", "ru"),
        ({"LANG": "C"}, "en", "ru"),
        ({"LANG": "en_US.UTF-8"}, "en", "en"),
        ({"LANG": "ru_RU.UTF-8"}, "ru", "ru"),
        ({"LANG": "de_DE.UTF-8"}, "en", "en"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "ru_RU.UTF-8"}, "ru", "ru"),
        ({"LANG": "en_US.UTF-8", "MERLIN_LANGUAGE": "ru"}, "ru", "ru"),
    ],
)
def test_commands_and_the_demo_follow_the_locale(
    monkeypatch, environment, commands, demo
):
    for name in ("MERLIN_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert (language(), demo_language()) == (commands, demo)


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_demo_asks_a_question_of_its_samples_and_teaches_a_new_one(script):
    folder = samples(script.samples) / script.dataset / "examples"
    answers = {}
    for path in folder.rglob("*.yaml"):
        example = yaml.safe_load(path.read_text("utf-8"))
        question, answer, *_ = example["messages"]
        # The tour corrects the answer, and the gate would hold the model.
        assert (
            example.get("split") != "test"
            or answer.get("assistant").strip() != script.answer
        )
        answers |= {question.get("user"): answer.get("assistant")}
    assert answers[script.question].strip() == script.answer
    assert script.new_question not in answers
