"""torch here: tests that train or run a language model say so by the fixture `needs_torch`.

`make test` alone installs no torch: such a test is then left out with a word. Where everything is
required (`.ci/run`, after `make engine`), it fails with that word. A test module that asks for it
imports torch inside its functions, so that it is collected everywhere:

    pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("needs_torch")]
"""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from tests.support.machine import skip_or_fail

EXTRA = ("torch", "transformers", "peft", "accelerate", "safetensors", "gguf", "huggingface_hub")


def why_not():
    """Return what is not installed of the extra `engine`, None when all of it is."""
    missing = [name for name in EXTRA if find_spec(name) is None]
    return f"run `make engine`: not installed are {', '.join(missing)}" if missing else None


@pytest.fixture(scope="session")
def needs_torch():
    """Leave the test out where the extra is not installed; fail where everything is required."""
    skip_or_fail(why_not())
