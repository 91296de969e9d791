"""What a backend says when it cannot answer."""

import pytest

from merlin.engine.serving.base import MEMORY_ADVICE, busy_error, ended_error

pytestmark = pytest.mark.unit


def test_full_queue_says_when_to_ask_again():
    error = busy_error(2.5)
    assert (error.status, error.code) == (429, "rate_limit_exceeded")
    assert error.headers == {"retry-after": "3"}


@pytest.mark.parametrize(
    ("code", "reason", "said"),
    [
        (1, "", "its process ended with code 1; its log says more"),
        (1, "no such file", "no such file"),
        (-9, "", f"most likely for want of memory; {MEMORY_ADVICE}"),
        (-9, "out of memory", "out of memory"),
    ],
)
def test_ended_process_is_explained_by_its_code_unless_it_has_said_why(
    code, reason, said
):
    error = ended_error("qwen3", code, reason)
    assert (error.status, error.code) == (503, "model_unavailable")
    assert str(error).startswith("qwen3 cannot answer: ")
    assert str(error).endswith(said)
