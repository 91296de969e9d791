"""The metrics page that Prometheus reads."""

import pytest
from hypothesis import given, strategies as st

from merlin.core.metrics import counter, gauge, metric_name, metrics_page
from tests.support.metrics_page import metric_value

pytestmark = pytest.mark.unit


def test_metric_has_help_type_and_samples_together():
    page = metrics_page(
        [counter("a_total", "Calls\nof all.", (2, {"state": "queued"}))]
    ).decode()
    assert page == (
        '# HELP a_total Calls\\nof all.\n# TYPE a_total counter\na_total{state="queued"} 2.0\n'
    )


def test_seconds_since_1970_keep_their_milliseconds():
    page = metrics_page([gauge("a", "b", (1795176000.123, {}))]).decode()
    assert metric_value(page, "a") == 1795176000.123


def test_metric_name_has_only_letters_digits_and_underscores():
    assert metric_name("merlin", "fetch-2.x", "total") == "merlin_fetch_2_x_total"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_label_value_is_escaped(value):
    page = metrics_page([gauge("a", "b", (1, {"k": value}))])
    assert len(page.split(b"\n")) == 4
