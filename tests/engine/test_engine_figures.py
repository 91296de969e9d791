"""The Prometheus metrics of the engine."""

import httpx
import pytest

from merlin.config.engine import EngineSettings
from merlin.engine.bases import BackendRegistry, build_bases
from tests.engine.running_engine import serve_engine
from tests.support.metrics_page import metric_value
from tests.support.waiting import longest


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The metrics of an engine after a job and a question."""
    with serve_engine(tmp_path_factory.mktemp("figures")) as engine:
        engine.train(hyperparameters={"n_epochs": 1})
        engine.train(engine.upload(b"no json\n").id)
        engine.ask("recall")
        yield httpx.get(
            f"http://127.0.0.1:{engine.port}/metrics", timeout=longest()
        ).text


@pytest.mark.functional
@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("jobs", {"base": "recall", "status": "succeeded"}, 1),
        ("jobs", {"base": "recall", "status": "failed"}, 1),
        ("questions", {"base": "recall", "state": "waiting"}, 0),
        ("models_loaded", {"base": "recall"}, 0),
    ],
)
def test_metrics_page_exposes(page, name, labels, value):
    assert metric_value(page, f"merlin_engine_{name}", **labels) == value


@pytest.mark.unit
def test_base_that_is_asked_for_the_first_time_does_not_disturb_a_reader_of_the_figures(
    tmp_path,
):
    bases = build_bases(EngineSettings(tmp_path, "", 0, ""))
    backends = BackendRegistry({**bases, "elsewhere": bases["recall"]}, None)
    backends.get_backend("recall")
    figures = backends.figures()
    assert next(figures)[0] == "recall"
    backends.get_backend("elsewhere")
    assert list(figures) == []
