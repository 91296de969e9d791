"""vLLM with what `merlin models export` has written: it answers as the model does here."""

from contextlib import closing

import openai
import pytest

from tests.engine import tiny_base
from tests.engine.facts_lab import export, open_facts_lab, until_live
from tests.engine.torch_here import needs_torch  # noqa: F401 - a fixture
from tests.real.servers import run_server

pytestmark = [
    pytest.mark.integration,
    pytest.mark.real("vllm"),
    pytest.mark.usefixtures("needs_torch"),
]
NAMES = [*tiny_base.FACTS][:6]
OPTIONS = ("--max-model-len", "512", "--enforce-eager", "--dtype", "float32")
SETTINGS = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "OMP_NUM_THREADS": "1",
}


def ask_each(client, model):
    """Return a model's answers to the questions of six facts."""
    answers = []
    for name in NAMES:
        question = [{"role": "user", "content": tiny_base.make_question(name)}]
        said = client.chat.completions.create(
            model=model, messages=question, temperature=0, max_tokens=20
        )
        answers.append(said.choices[0].message.content)
    return answers


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """Two folders of one model, by form, and its answers in the engine."""
    folder = tmp_path_factory.mktemp("exports")
    with open_facts_lab(folder / "lab", hyperparameters=tiny_base.LEARNING) as lab:
        model = until_live(lab)["model"]
        forms = {form: folder / form for form in ("adapter", "merged")}
        for form, to in forms.items():
            code, _, err = export(lab, to, "--form", form, model=model)
            assert code == 0, err
        own = ask_each(lab.engine.openai, model)
        assert own != ask_each(lab.engine.openai, "tiny")
        yield forms, own


def serve(form, folder):
    """Return the arguments by which vLLM serves an export as `rooms`."""
    if form == "merged":
        return [str(folder), "--served-model-name", "rooms"]
    adapter = (
        "--enable-lora",
        "--max-lora-rank",
        "16",
        "--lora-modules",
        f"rooms={folder}",
    )
    return [str(tiny_base.get_tiny_base()), *adapter]


@pytest.mark.shows("export")
@pytest.mark.parametrize("form", ["adapter", "merged"])
def test_export_answers_as_in_the_engine(program, exports, tmp_path, form):
    forms, own = exports
    arguments = ["vllm", "serve", *serve(form, forms[form]), *OPTIONS]
    with (
        run_server(program, tmp_path, arguments, "/health", **SETTINGS) as url,
        closing(openai.OpenAI(base_url=f"{url}/v1", api_key="none")) as client,
    ):
        assert ask_each(client, "rooms") == own
