"""`merlin courses`: the shipped courses as a table in both languages and as JSON."""

import json
import shutil
from pathlib import Path

import pytest

from merlin.cli import main
from tests.support.pipeline_lab import Lab

pytestmark = pytest.mark.functional

DATASETS = Path(__file__).parents[2] / "datasets"


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """Return a lab whose daemon has read the shipped datasets once."""
    lab = Lab(tmp_path_factory.mktemp("shipped"), "http://127.0.0.1:9/v1")
    shutil.copytree(DATASETS, lab.repository.folder / "datasets")
    lab.repository.commit()
    lab.tick("fetch")
    return lab


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("ru", ["Алгоритмы и структуры данных", "Программирование на Python", "boris", "открыт"]),
        ("en", ["Algorithms and data structures", "Programming in Python", "boris", "active"]),
    ],
)
def test_courses_are_listed_as_a_table(shipped, capsys, monkeypatch, language, expected):
    monkeypatch.setenv("MERLIN_LANGUAGE", language)
    assert main(["courses", "--config", str(shipped.path)]) == 0
    output = capsys.readouterr().out
    assert [word for word in expected if word not in output] == []


def test_courses_are_listed_as_json_with_their_materials(shipped, capsys):
    assert main(["courses", "--json", "--config", str(shipped.path)]) == 0
    lines = {load["course"]: load for load in json.loads(capsys.readouterr().out)}
    assert set(lines) == {"algorithms", "neurotypology", "python"}
    one = lines["algorithms"]
    assert (one["semester"], one["active"], one["teachers"]) == (1, True, ["boris"])
    assert len(one["materials"]) == 9
    (lab, *_) = [material for material in one["materials"] if material["type"] == "lab"]
    assert (lab["lesson"], lab["text"]) == (1, None)
    assert lab["file_url"].startswith("https://")


def test_repository_without_courses_is_reported(tmp_path, capsys):
    lab = Lab(tmp_path, "http://127.0.0.1:9/v1")
    lab.repository.dataset()
    lab.repository.commit()
    lab.tick("fetch")
    assert main(["courses", "--config", str(lab.path)]) == 0
    assert "course.yaml" in capsys.readouterr().err
