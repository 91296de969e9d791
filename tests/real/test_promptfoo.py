"""promptfoo's first evaluation, with the engine as its provider."""

import json

import pytest
import yaml

from tests.engine.running_engine import EXAMPLES, KEY

pytestmark = [pytest.mark.integration, pytest.mark.real("promptfoo")]

QUIET = {
    f"PROMPTFOO_DISABLE_{name}": "1"
    for name in ("TELEMETRY", "UPDATE", "REMOTE_GENERATION")
}


@pytest.mark.shows("chat", "evaluation")
def test_evaluation_of_two_questions_passes(run, recording, engine, tmp_path):
    tests = [
        {
            "vars": {"question": question},
            "assert": [{"type": "equals", "value": answer}],
        }
        for question, answer in list(EXAMPLES.items())[:2]
    ]
    with recording("evaluation", engine.url) as url:
        provider = {
            "id": f"openai:chat:{engine.model}",
            "config": {"apiBaseUrl": f"{url}/v1"},
        }
        configuration = {
            "prompts": ["{{question}}"],
            "providers": [provider],
            "tests": tests,
        }
        (tmp_path / "promptfooconfig.yaml").write_text(yaml.safe_dump(configuration))
        # One question at a time, so that recording again gives the same order.
        run(
            "promptfoo",
            "eval",
            "--no-cache",
            "--max-concurrency",
            "1",
            "-o",
            "out.json",
            OPENAI_API_KEY=KEY,
            **QUIET,
        )
    counts = json.loads((tmp_path / "out.json").read_text())["results"]["stats"]
    assert (counts["successes"], counts["failures"], counts["errors"]) == (2, 0, 0)
