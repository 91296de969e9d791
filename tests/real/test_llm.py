"""Simon Willison's llm with a model of extra-openai-models.yaml, as its documentation has it."""

import json

import pytest

from tests.engine.running_engine import ANSWER, KEY, QUESTION

pytestmark = [pytest.mark.integration, pytest.mark.real("llm")]

MODEL = """
- model_id: {kind}
  model_name: "{model}"
  api_base: "{url}/v1"
  api_key_name: merlin
  responses: {uses_responses}
"""


@pytest.mark.shows("chat", "chat-stream", "responses-stream")
@pytest.mark.parametrize("kind", ["chat", "responses"])
def test_command_prints_the_taught_answer(run, recording, engine, tmp_path, kind):
    folder = {"LLM_USER_PATH": str(tmp_path)}
    run("llm", "keys", "set", "merlin", "--value", KEY, **folder)
    with recording(kind, engine.url) as url:
        is_it = json.dumps(kind == "responses")
        text = MODEL.format(
            kind=kind, model=engine.model, url=url, uses_responses=is_it
        )
        (tmp_path / "extra-openai-models.yaml").write_text(text)
        assert run("llm", "-m", kind, QUESTION, **folder).strip() == ANSWER
        assert (
            run(
                "llm",
                "-m",
                kind,
                "--no-stream",
                "-s",
                "Be short.",
                "-o",
                "temperature",
                "0.5",
                QUESTION,
                **folder,
            ).strip()
            == ANSWER
        )
    [logged, *_] = json.loads(run("llm", "logs", "--json", **folder))
    assert (logged["response"], logged["output_tokens"]) == (ANSWER, 12)
