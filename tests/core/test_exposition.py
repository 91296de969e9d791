"""The text format of Prometheus."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merlin.core.exposition import Family, Sample, exposed, metric_name

pytestmark = pytest.mark.unit


def test_a_family_has_its_help_its_type_and_its_samples_together():
    family = Family("merlin_jobs", "gauge", "Jobs\nby state.", [Sample(2, {"state": "queued"})])
    assert exposed([family]) == (
        "# HELP merlin_jobs Jobs\\nby state.\n"
        "# TYPE merlin_jobs gauge\n"
        'merlin_jobs{state="queued"} 2\n'
    )


def test_a_family_without_samples_is_left_out():
    assert exposed([Family("merlin_jobs", "gauge", "Jobs.", [])]) == ""


def test_a_sample_without_labels_has_no_braces():
    assert exposed([Family("a", "gauge", "b", [Sample(0.25)])]).endswith("\na 0.25\n")


def test_seconds_since_1970_keep_their_milliseconds():
    assert "1795176000.123" in exposed([Family("a", "gauge", "b", [Sample(1795176000.123)])])


def test_a_name_holds_letters_digits_and_underscores_alone():
    assert metric_name("merlin", "fetch-2.x", "total") == "merlin_fetch_2_x_total"


@given(st.text())
def test_a_label_survives_whatever_it_holds(value):
    line = exposed([Family("a", "gauge", "b", [Sample(1, {"k": value})])]).split("\n", 2)[2]
    inside = line.removeprefix('a{k="').removesuffix('"} 1\n')
    assert "\n" not in inside
    unescaped = inside.replace("\\\\", "\0").replace('\\"', '"').replace("\\n", "\n")
    assert unescaped.replace("\0", "\\") == value.replace("\0", "\\")
