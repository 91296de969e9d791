"""One trace from a commit to its model, whichever process ran a step and when."""

import pytest

from merlin.core.tracing import open_span
from tests.support.otlp_receiver import collect_spans, span_attributes

pytestmark = pytest.mark.functional

STEPS = ["check", "build", "launch", "training", "evaluation", "promotion"]


def test_commit_is_one_trace_up_to_its_promotion_across_a_restart(lab):
    sha = lab.repository.git("rev-parse", "HEAD")
    with collect_spans("daemon") as before:
        lab.tick("fetch", "launch")
    with collect_spans("daemon") as after:
        lab.until_serving("trial-1")
    before += after
    (root,) = before.named("commit")
    assert root.trace_id.hex() == sha[:32]
    assert {before.path(span) for name in STEPS for span in before.named(name)} == {
        ("commit", name) for name in STEPS
    }
    assert {span.trace_id for span in before} == {root.trace_id}
    (training,) = before.named("training")
    document = span_attributes(training)
    assert (document["merlin.job"], document["merlin.state"]) == (1, "succeeded")
    (launch,) = before.named("launch")
    assert training.start_time_unix_nano <= launch.end_time_unix_nano < training.end_time_unix_nano
    for secret in ("Что значит", "Понятие", "Отвечай коротко", "stand-in-key", "Add examples"):
        assert secret.encode() not in before.bodies + after.bodies


def test_span_of_an_error_has_only_its_type():
    with collect_spans() as spans, pytest.raises(ValueError, match="a text"), open_span("step"):
        raise ValueError("a text")
    (span,) = spans
    assert span_attributes(span) == {"error.type": "ValueError"}
    assert span.status.code == 2
    assert b"a text" not in spans.bodies
