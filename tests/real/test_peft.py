"""Plain PEFT with an adapter that Merlin trained: it answers as Merlin's own worker does."""

import json

import pytest

from merlin.config.engine import EngineModelConfig
from tests.engine import tiny_base
from tests.engine.running_engine import serve_engine
from tests.engine.torch_here import needs_torch  # noqa: F401 - a fixture

pytestmark = [
    pytest.mark.integration,
    pytest.mark.real("peft"),
    pytest.mark.usefixtures("needs_torch"),
]
FACTS = dict(list(tiny_base.FACTS.items())[:10])

SCRIPT = """
import json, sys
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
base, adapter, questions = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(base)
model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter)
def answer(question):
    messages = [{"role": "user", "content": question}]
    inputs = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    written = model.generate(**inputs, do_sample=False, max_new_tokens=40)[0]
    return tokenizer.decode(written[inputs["input_ids"].shape[1]:], skip_special_tokens=True)
print(json.dumps([answer(question) for question in json.loads(questions)]))
"""


@pytest.mark.shows("adapter")
def test_adapter_answers_as_in_the_engine(run, tmp_path):
    base = str(tiny_base.get_tiny_base())
    with serve_engine(
        tmp_path / "engine", models={"tiny": EngineModelConfig(path=base)}
    ) as client:
        file = client.upload(
            tiny_base.write_examples(tmp_path / "facts.jsonl", FACTS).read_bytes()
        )
        settings = {"hyperparameters": tiny_base.LEARNING}
        method = {"type": "supervised", "supervised": settings}
        job = client.train(file.id, model="tiny", method=method)
        assert job.status == "succeeded", job.error
        questions = [tiny_base.make_question(name) for name in FACTS]
        own = [
            client.ask(job.fine_tuned_model, each, temperature=0) for each in questions
        ]
        [adapter] = sorted((tmp_path / "engine" / "models" / job.id).iterdir())[-1:]
        said = run("python", "-c", SCRIPT, base, adapter, json.dumps(questions))
    answers = [completion.choices[0].message.content for completion in own]
    assert json.loads(said) == answers
    assert answers == [
        tiny_base.make_answer(name, room) for name, room in FACTS.items()
    ]
