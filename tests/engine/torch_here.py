"""The fixture `needs_torch` for tests that train or run a language model.

`make test` does not install torch, so such a test is skipped with a message. Where everything is
required (`.ci/run`, after `make engine`), it fails with that message. A test module that uses the
fixture imports torch inside its functions, so that it can be collected without torch:

    pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("needs_torch")]
"""

from importlib.util import find_spec

import pytest

from tests.support.machine import skip_or_fail

EXTRA = (
    "torch",
    "transformers",
    "peft",
    "accelerate",
    "trl",
    "safetensors",
    "huggingface_hub",
)


def find_missing():
    """Return what is missing of the extra `engine`, None if nothing is."""
    missing = [name for name in EXTRA if find_spec(name) is None]
    return (
        f"run `make engine`: not installed are {', '.join(missing)}"
        if missing
        else None
    )


@pytest.fixture(scope="session")
def needs_torch():
    """Skip the test without the extra; fail where everything is required."""
    skip_or_fail(find_missing())
