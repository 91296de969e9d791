"""`merlin prompt-check`, on a repository and a provider over HTTP."""

from functools import partial

import pytest
import yaml

from merlin.db.tables import REVOKED_EXAMPLE
from merlin.wiring.context import open_migrated_database
from tests.support.faults import Fault, FaultKind

pytestmark = pytest.mark.functional
TESTS = 12
ASKED = 2 * TESTS  # the base alone and with examples; the tuned model answered its test
BASE = {"price": {"currency": "USD", "input": 100, "output": 100, "training": 0}}


def _serve(lab):
    lab.repository.commit_dataset(count=36, tests=TESTS, subject="First words")
    lab.until_serving("trial-1")


def _commit_untrained(lab, **changes):
    lab.repository.commit_dataset(
        launch={"mode": "manual"}, **changes, subject="First words"
    )
    lab.tick("fetch")


@pytest.fixture(autouse=True)
def quiet(provider):
    """Reset the stand-in, which is shared by the module, before each test."""
    provider.faults.clear()
    provider.behave(fixed_answer="", think_s=0.0)


@pytest.fixture
def lab(request, make_lab, tmp_path):
    """Return a lab whose base model has a price; it serves unless a test prepares another one."""
    lab = make_lab(getattr(request, "param", _serve), tmp_path)
    configure(lab, models={"stand-in-base": BASE})
    return lab


def configure(lab, **keys):
    """Write keys into the lab's config.yaml."""
    document = yaml.safe_load(lab.path.read_text("utf-8"))
    lab.path.write_text(yaml.safe_dump({**document, **keys}), "utf-8")


def test_three_variants_are_compared(lab, run_json, count_questions, provider):
    document = run_json("prompt-check", "trial", "--yes")
    assert count_questions() == ASKED
    alone, helped, tuned = document["variants"]
    assert [variant["variant"] for variant in document["variants"]] == [
        "prompt",
        "examples",
        "tuned",
    ]
    assert alone["model"] == helped["model"] == "stand-in-base"
    assert tuned["model"].startswith("ft:")
    assert (document["build"], document["questions"], document["left_out"]) == (
        "trial-1",
        TESTS,
        0,
    )
    # The examples are sent and paid; the stand-in's base answers alike with and without them.
    assert helped["input_tokens"] > alone["input_tokens"] > 0
    assert helped["cost_micro"] > alone["cost_micro"] > 0
    limits = {
        call.body["max_tokens"] for call in provider.calls("chat.create")[-ASKED:]
    }
    assert len(limits) == 1, "an answer is cut off"
    assert (document["verdict"], document["ahead"] > 0) == ("pays", True)
    assert "Fine-tuning pays" in document["advice"]


@pytest.mark.parametrize(
    ("models", "price"), [({"stand-in-base": BASE}, "$"), ({}, "unknown")]
)
def test_price_is_shown_before_any_request(lab, run, count_questions, models, price):
    configure(lab, models=models)
    code, captured = run("prompt-check", "trial")
    assert (code, count_questions()) == (1, 0)
    assert f"{ASKED} questions to ask. Estimated price: {price}" in captured.err
    assert "--yes" in captured.err


def test_missing_key_is_named_before_anything_is_paid(lab, run, count_questions):
    (provider,) = yaml.safe_load(lab.path.read_text("utf-8"))["providers"]
    locked = {**provider, "name": "other", "credential": "NOBODYS_KEY"}
    configure(lab, providers=[provider, locked])
    code, captured = run(
        "prompt-check", "trial", "--yes", "--base", "other/stand-in-chat"
    )
    assert (code, count_questions()) == (2, 0)
    assert "NOBODYS_KEY" in captured.err


def test_example_with_revoked_consent_is_not_sent_to_a_provider(
    lab, run, count_questions
):
    with open_migrated_database(lab.config) as database:
        revoked = {"dataset": "trial", "example_id": "q3"}
        database.add_new(REVOKED_EXAMPLE, revoked)
    code, captured = run("prompt-check", "trial", "--yes")
    assert (code, count_questions()) == (1, 0)
    assert "consent" in captured.err


def test_question_that_one_model_refuses_is_left_out_of_all(lab, run, provider):
    provider.faults.add(Fault("chat.create", FaultKind.STATUS, skip=3, status=400))
    code, captured = run("prompt-check", "trial", "--yes")
    assert code == 0, captured.err
    assert "1 question wasn't answered: 400 " in captured.err
    assert "1 question is left out" in captured.err
    lines = captured.out.splitlines()[1:4]
    assert [line.split()[-3] for line in lines] == [f"0/{TESTS - 1}"] * 3


RECALL = {"provider": "stand-in", "base_model": "recall"}


@pytest.mark.parametrize(
    "lab",
    [partial(_commit_untrained, count=36, tests=TESTS, recipe=RECALL)],
    indirect=True,
)
def test_base_that_follows_no_prompt_is_replaced_by_the_general_model(lab, run):
    configure(lab, chat={"assistant": "stand-in/stand-in-chat"})
    code, captured = run("prompt-check", "trial", "--yes")
    assert (code, "stand-in-chat" in captured.out) == (0, True), captured.err
    said = "recall doesn't follow prompts. Asking stand-in-chat (stand-in) instead."
    assert said in captured.err


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize(
    "lab", [partial(_commit_untrained, count=36, tests=TESTS)], indirect=True
)
def test_before_any_training_only_the_prompts_are_compared(run):
    code, captured = run("prompt-check", "trial", "--yes")
    assert (
        code,
        "Fine-tuning may pay: the base model with the better prompt answers"
        in captured.out,
    ) == (0, True)
    assert "trained model" not in captured.out


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize(
    ("lab", "reason"),
    [
        (partial(_commit_untrained, count=5, tests=0), "trial has no build"),
        (partial(_commit_untrained, count=36, tests=0), "trial-1 has no test"),
    ],
    indirect=["lab"],
)
def test_without_a_build_or_its_test_questions_nothing_is_asked(
    run, count_questions, reason
):
    code, captured = run("prompt-check", "trial", "--yes")
    assert (code, count_questions()) == (1, 0)
    assert reason in captured.err
