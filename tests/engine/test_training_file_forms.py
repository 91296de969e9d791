"""Each form of an example, from a dataset to the engine: the check refuses what it cannot train."""

from dataclasses import replace

import pytest

from merlin.core.messages import Message
from merlin.dataset.finding import Severity
from merlin.dataset.spec import schema
from merlin.engine.training_file import BadFile, read_conversations, read_preferences
from tests.support.dataset_tree import (
    DATASET_YAML,
    check_files,
    example_yaml,
    make_training_line,
)

pytestmark = pytest.mark.unit

SYSTEM = "MerlinGPT is a good service!"
ENGINE = DATASET_YAML
LANGUAGE_MODEL = DATASET_YAML.replace("recall", "qwen3-0.6b")
UNDER_ANOTHER_NAME = DATASET_YAML.replace("provider: engine", "provider: local")
ELSEWHERE = DATASET_YAML.replace("engine", "openai").replace("recall", "gpt-4o-mini")
CALLS = (
    "tool_calls: [{id: a, type: function,"
    " function: {name: sum, arguments: '{\"of\": [1, 2]}'}}]"
)
TOOLS = (
    "tools: [{type: function, function: {name: sum, description: Adds., strict: true,"
    " parameters: {type: object}}}]\n"
)
PLAIN = {
    "short": "messages:\n  - user: a?\n  - assistant: b\n",
    "long": "messages:\n  - {role: user, content: a?}\n  - {role: assistant, content: b}\n",
    "name": "messages:\n  - {role: user, name: anna, content: a?}\n  - assistant: b\n",
    "system": "messages:\n  - system: c\n  - user: a?\n  - assistant: b\n",
    "turns": "messages:\n  - user: a?\n  - {role: assistant, content: b, weight: 0}\n"
    "  - user: c?\n  - {role: assistant, content: d, weight: 1}\n",
    "lines": "messages:\n  - user: |\n      a\n\n      b?\n  - assistant: >-\n      b\n      c\n",
    "other keys": "messages:\n  - user: a?\n  - assistant: b\ntags: [t]\nsplit: train\n"
    "source: A book\nnote: Look.\nallow: {personal: Ours.}\n",
}
REJECTED = {
    "rejected": f"{PLAIN['short']}rejected: c\n",
    "rejected long": f"{PLAIN['turns']}rejected: {{role: assistant, name: bot, content: c}}\n",
}
WITH_TOOLS = {
    "declared": f"{PLAIN['short']}{TOOLS}",
    "called": f"messages:\n  - user: a?\n  - role: assistant\n    {CALLS}\n"
    f"  - {{role: tool, tool_call_id: a, content: '3'}}\n  - assistant: b\n{TOOLS}",
    "called with words": f"messages:\n  - user: a?\n  - role: assistant\n    content: Wait.\n"
    f"    {CALLS}\n  - {{role: tool, tool_call_id: a, content: '3'}}\n  - assistant: b\n{TOOLS}",
    "called at the end": f"messages:\n  - user: a?\n  - role: assistant\n    {CALLS}\n{TOOLS}",
}
REJECTED_CALL = f"{PLAIN['short']}rejected:\n  role: assistant\n  {CALLS}\n{TOOLS}"
FORMS = {**PLAIN, **REJECTED, **WITH_TOOLS, "rejected call": REJECTED_CALL}


def check_form(form, spec, *, has_pairs):
    """Return the check of 60 good examples and one of this form, and that example."""
    more = "rejected: No.\n" if has_pairs else ""
    others = {
        f"examples/q{n}.yaml": example_yaml(f"Вопрос {n}", f"Ответ {n // 2}", more)
        for n in range(60)
    }
    checked = check_files(
        {"dataset.yaml": spec, **others, "examples/zz.yaml": FORMS[form]}
    )
    return checked, next((each for each in checked.examples if each.id == "zz"), None)


def read_by_engine(path, example, method):
    """Return what the engine reads from the example's line of the training file."""
    path.write_bytes(make_training_line(example.adapt_to_method(method), SYSTEM))
    read = read_preferences if method == "dpo" else read_conversations
    return next(iter(read(path, 1)))


def list_cases():
    for form in FORMS:
        yield form, "supervised"
        if form in (*REJECTED, "rejected call"):
            yield form, "dpo"


@pytest.mark.parametrize(("form", "method"), [*list_cases()])
def test_every_form_is_trained_by_the_engine_or_refused_by_the_check(
    tmp_path, form, method
):
    def check(spec):
        own = spec.replace("recipe: {", f"recipe: {{method: {method}, ")
        return check_form(form, own, has_pairs=method == "dpo")

    uses_tools = form in WITH_TOOLS or form == "rejected call"
    path = tmp_path / "train.jsonl"
    checked, elsewhere = check(ELSEWHERE)
    assert checked.rejected == 0
    if uses_tools:
        with pytest.raises(
            BadFile, match=r"Line 1: .*(?:role|tools|content|tool_calls): "
        ):
            read_by_engine(path, elsewhere, method)
    else:
        read = read_by_engine(path, elsewhere, method)
        messages = [each for part in read for each in part] if method == "dpo" else read
        expected = [
            replace(
                each,
                extra={
                    key: each.extra[key] for key in ("weight",) if key in each.extra
                },
            )
            for each in elsewhere.with_system(SYSTEM)
        ]
        assert messages[: len(expected)] == expected
        assert all(isinstance(message, Message) for message in messages)
    for spec in (ENGINE, LANGUAGE_MODEL, UNDER_ANOTHER_NAME):
        checked, example = check(spec)
        assert (example is None) == uses_tools
        errors = [each for each in checked.findings if each.severity is Severity.ERROR]
        found = [(each.path, each.rule) for each in errors]
        assert found == [("examples/zz.yaml", "tools-not-trained")] * uses_tools
        assert checked.is_buildable


def list_keys(value):
    """Yield the keys of an object that a part of the schema describes."""
    for key, each in value.get("properties", {}).items():
        yield key
        yield from list_keys(each)
    for word in {"items", "then", "else"} & value.keys():
        yield from list_keys(value[word])


def test_these_are_all_forms_of_the_schema():
    rules = schema("example")
    known = {
        key for part in (rules, *rules["$defs"].values()) for key in list_keys(part)
    }
    written = " ".join(FORMS.values())
    assert {"tool_calls", "tool_call_id", "arguments"} <= known
    assert [key for key in known if f"{key}:" not in written] == []
