"""The Prometheus metrics of the engine."""

import httpx
import pytest

from merlin.config.engine import EngineSettings
from merlin.engine.bases import BackendRegistry, build_bases
from tests.engine.engine_with_jobs import BASE, SHOWN, serve_with_jobs
from tests.support.metrics_page import metric_value
from tests.support.waiting import longest, wait_until


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """An engine with jobs in every state after one request."""
    with serve_with_jobs(tmp_path_factory.mktemp("figures")) as served:
        wait_until(lambda: len(served.client.losses(served.jobs["running"])) >= SHOWN)
        served.client.ask("recall")
        yield served


@pytest.fixture(scope="module")
def page(engine):
    """The metrics of that engine."""
    return httpx.get(f"{engine.address}/metrics", timeout=longest()).text


@pytest.mark.functional
@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("jobs", {"base": BASE, "status": "running"}, 1),
        ("jobs", {"base": BASE, "status": "failed"}, 1),
        ("questions", {"base": "recall", "state": "waiting"}, 0),
        ("tokens_total", {"base": "recall", "kind": "prompt"}, 4),
        ("models_loaded", {"base": "recall"}, 0),
    ],
)
def test_metrics_page_exposes(page, name, labels, value):
    assert metric_value(page, f"merlin_engine_{name}", **labels) == value


@pytest.mark.unit
def test_base_that_is_asked_for_the_first_time_does_not_disturb_a_reader_of_the_figures(tmp_path):
    bases = build_bases(EngineSettings(tmp_path, "", 0, ""))
    backends = BackendRegistry({**bases, "elsewhere": bases["recall"]}, None)
    backends.get_backend("recall")
    figures = backends.figures()
    assert next(figures)[0] == "recall"
    backends.get_backend("elsewhere")
    assert list(figures) == []
