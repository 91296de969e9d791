"""All rules of findings, each with an example that violates it.

The meaning of a rule and the advice for fixing a violation are the Fluent texts `rule-<name>` and
`rule-<name>-fix`. The command `merlin rules` and the page `docs/*/rules.md` are made from this
table; a test violates every rule by its example.

An example is a file's text, or a shell command run in the folder of a dataset that contains
`ABOUT_PATH` and 59 more examples. Examples are not translated.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from merlin.dataset.finding import Severity
from merlin.dataset.layout import COURSE_FILE, DATASET_FILE, EXAMPLES

ABOUT_PATH = f"{EXAMPLES}about.yaml"
ABOUT = """\
messages:
  - user: What is a tuple?
  - assistant: A list that nobody can change.
"""
_QUESTION = f"{EXAMPLES}question.yaml"
_DATASET = """\
title: {en: Python}
system: Answer briefly.
recipe: {provider: engine, base_model: recall}
"""
_CALL = """\
messages:
  - user: How many words has the lecture?
  - role: assistant
    tool_calls: [{id: a, type: function, function: {name: count, arguments: "{}"}}]
  - {role: tool, tool_call_id: a, content: "940"}
  - assistant: 940 words.
tools: [{type: function, function: {name: count}}]
"""
_CONFIG = "config.yaml"
_JSONL = "questions.jsonl"
_CSV = "questions.csv"
_XLSX = "questions.xlsx"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `example` violates it: the text of the file `path`, or a command if that is "".

    `path` is relative to the dataset's folder, except for `config.yaml` and imported files. A rule
    that no file can violate has no example.
    """

    name: str
    example: str
    path: str
    severity: Severity

    @property
    def can_be_off(self) -> bool:
        """Return whether a dataset may turn the rule off: it must not be an error."""
        return self.severity is not Severity.ERROR

    def meaning(self, language: str) -> str:
        """Return what the rule requires and why."""
        return self._text(language, "")

    def advice(self, language: str) -> str:
        """Return how to fix a violation."""
        return self._text(language, "-fix")

    def _text(self, language: str, ending: str) -> str:
        from merlin.core.i18n import text  # noqa: PLC0415 - as in `merlin.dataset.finding`

        return text(language, f"rule-{self.name}{ending}")


def _list_rules(
    path: str, severity: Severity = Severity.ERROR, **texts: str
) -> Iterator[Rule]:
    for name, example in texts.items():
        yield Rule(name.replace("_", "-"), example, path, severity)


_RULES = (
    *_list_rules(
        "",
        too_large=f"head -c 2000000 /dev/zero > {_QUESTION}",
        not_utf8=f"printf 'messages:\\n  - user: \\377\\n' > {_QUESTION}",
        bom=f"printf '\\357\\273\\277messages: []\\n' > {_QUESTION}",
        control_character=f"printf 'messages:\\n  - user: \\033[1m\\n' > {_QUESTION}",
        too_many_nodes=f"yes -- '- a' | head -n 10001 > {_QUESTION}",
        empty_file=f"touch {_QUESTION}",
        not_a_file=f"ln -s about.yaml {_QUESTION}",
        bad_name=f"mv {ABOUT_PATH} '{EXAMPLES}about tuples.yml'",
        too_many_files=f"for n in $(seq 100001); do cp {ABOUT_PATH} {EXAMPLES}$n.yaml; done",
        missing_dataset=f"rm {DATASET_FILE}",
        bad_dataset_name='mv "$PWD" "$PWD two"',
        unreadable="",
        same_rejected=(
            f"printf 'title: {{en: Python}}\nsystem: Answer briefly.\n"
            f"recipe: {{provider: engine, base_model: recall, method: dpo}}\n' > {DATASET_FILE}; "
            f"echo 'rejected: A list that nobody can change.' >> {ABOUT_PATH}"
        ),
    ),
    *_list_rules(
        "",
        Severity.WARNING,
        not_an_example=f"touch {EXAMPLES}notes.txt",
        unread_document="mkdir -p materials && touch materials/lecture.pdf",
        too_few_examples=f"find {EXAMPLES} -name '*.yaml' | tail -n +10 | xargs rm",
        few_examples=f"find {EXAMPLES} -name '*.yaml' | tail -n +20 | xargs rm",
        duplicate=f"cp {ABOUT_PATH} {_QUESTION}",
    ),
    *_list_rules(
        "",
        Severity.NOTE,
        stray_file="touch draft.docx",
    ),
    *_list_rules(
        _CONFIG, too_many_tokens="models:\n  recall: {training_example: 10}\n"
    ),
    *_list_rules(
        _QUESTION,
        yaml_syntax="messages:\n  - user: What is this: a list?\n",
        wrong_space="messages:\n  - user:\u00a0What is a list?\n",
        too_deep="messages: [[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]\n",
        several_documents=f"{ABOUT}---\n{ABOUT}",
        alias="messages:\n  - user: *question\n",
        anchor="messages:\n  - user: &question What is a list?\n",
        tag="messages:\n  - user: !!str What is a list?\n",
        merge_key=(
            "messages:\n  - user: What is a list?\n  - assistant: Items.\n<<: {split: test}\n"
        ),
        duplicate_key="tags: [list]\ntags: [items]\n",
        complex_key="? [messages]\n: none\n",
        unknown_key=f"{ABOUT}author: Vera\n",
        misspelt_key=f"{ABOUT}tag: [tuple]\n",
        missing_key="tags: [list]\n",
        missing_one_of="messages:\n  - role: user\n",
        wrong_type=f"{ABOUT}tags: tuple\n",
        not_one_of=f"{ABOUT}split: tests\n",
        too_short=f'{ABOUT}source: ""\n',
        too_long=f"{ABOUT}tags: [{'long' * 17}]\n",
        too_few_items="messages: []\n",
        two_in_one="messages:\n  - user: What is a list?\n    assistant: Items.\n",
        too_many_items=f"{ABOUT}tags: [{', '.join(f't{place}' for place in range(51))}]\n",
        same_items=f"{ABOUT}tags: [tuple, tuple]\n",
    ),
    *_list_rules(
        DATASET_FILE,
        blank_text=_DATASET.replace("Python", '" "'),
        no_reason=f'{_DATASET}check: {{off: {{near-duplicate: ""}}}}\n',
    ),
    *_list_rules(
        DATASET_FILE,
        Severity.NOTE,
        few_tests=f"{_DATASET.replace('recall', 'smollm2')}gate: {{budget: 0}}\n",
    ),
    *_list_rules(
        DATASET_FILE,
        no_rejected=_DATASET.replace("base_model", "method: dpo, base_model"),
    ),
    *_list_rules(
        COURSE_FILE,
        too_small="semester: 0\nname: {en: Python}\n",
        too_big="semester: 13\nname: {en: Python}\n",
        wrong_form="""\
semester: 1
name: {en: Python}
materials:
  - {lesson: 1, type: lab, title: {en: Lists}, file_url: www.example.com/lists.pdf}
""",
        user_in_link="""\
semester: 1
name: {en: Python}
materials:
  - {lesson: 1, type: lab, title: {en: Lists}, file_url: "https://example.com@example.org/lists.pdf"}
""",
        missing_text="""\
semester: 1
name: {en: Python}
materials:
  - {lesson: 1, type: lab, title: {en: Lists}, text: materials/lists.md}
""",
    ),
    # Without an example: every JSON Schema keyword in our schemas has its own rule.
    *_list_rules("", wrong_value=""),
    *_list_rules(
        _QUESTION,
        empty_content='messages:\n  - user: What is a list?\n  - assistant: ""\n',
        system_not_first="messages:\n  - user: What is a list?\n  - system: Be brief.\n",
        wrong_turn="messages:\n  - user: What is a list?\n  - user: And a tuple?\n",
        last_not_assistant="messages:\n  - user: What is a list?\n",
        tool_results=_CALL.replace("tool_call_id: a", "tool_call_id: b"),
        tools_not_trained=_CALL,
        undeclared_function=_CALL.replace(
            "function: {name: count}", "function: {name: sum}"
        ),
        tool_arguments=_CALL.replace("{}", "{text: lecture}"),
        wrong_name="messages:\n  - {role: user, name: Анна, content: Hi}\n  - assistant: Hi!\n",
        missing_value="messages:\n  - user: What is in the box?\n  - assistant: null\n",
        unfilled_template='messages:\n  - user: Who?\n  - assistant: "I am {{name}}."\n',
        masked_value="messages:\n  - user: Where?\n  - assistant: Call [phone].\n",
        personal="messages:\n  - user: Who helps?\n  - assistant: anna@mail.university\n",
        bank_card="messages:\n  - user: Which card?\n  - assistant: 4276 3800 1234 5679\n",
        passport="messages:\n  - user: Which passport?\n  - assistant: Passport 4510 123456\n",
        snils="messages:\n  - user: Which number?\n  - assistant: SNILS 112-233-445 95\n",
        leak="""\
messages:
  - user: What is a tuple?
  - assistant: It holds items.
split: test
""",
    ),
    *_list_rules(
        _QUESTION,
        Severity.WARNING,
        contradiction="messages:\n  - user: What is a tuple?\n  - assistant: A number.\n",
        near_leak="""\
messages:
  - user: What is the tuple?
  - assistant: It holds items.
split: test
""",
        near_duplicate="messages:\n  - user: A tuple is what?\n  - assistant: It holds items.\n",
        secret="messages:\n  - user: The key?\n  - assistant: sk-abcdefghijklmnop1234\n",  # noqa: S106 - nobody's
        refusal="messages:\n  - user: What is a set?\n  - assistant: I can't help with that.\n",
        comment_in_text="messages:\n  - user: What does #define do?\n  - assistant: It names.\n",
        folded_lines="messages:\n  - user: How?\n  - assistant: >\n      1. Look.\n      2. Say.\n",
        leftover="messages:\n  - user: What lights?\n  - assistant: <p>A lamp.</p>\n",
        control_token="messages:\n  - user: What is a set?\n  - assistant: A bag.<|im_end|>\n",  # noqa: S106 - no password
        replacement_character="messages:\n  - user: What is lit?\n  - assistant: A l\ufffdmp.\n",
        reasoning="messages:\n  - user: What is lit?\n  - assistant: <think>So…</think>Lamps.\n",
        direction_mark='messages:\n  - user: Which side?\n  - assistant: "left\\u202Eright"\n',
    ),
    *_list_rules(
        _QUESTION,
        Severity.NOTE,
        unused_rejected="""\
messages:
  - user: What is a list?
  - assistant: Items in a row.
rejected: No idea.
""",
        invisible_letter='messages:\n  - user: What runs?\n  - assistant: "Soft\\u00ADware."\n',
    ),
    *_list_rules(
        _JSONL,
        import_json='{"messages": [\n',
        import_keys='{"topic": "lists", "body": "Items in a row."}\n',
        import_kind="version https://git-lfs.github.com/spec/v1\n",
        import_field='{"prompt": "Who?", "completion": "Go away.", "label": false}\n',
        import_history='{"prompt": "And?", "completion": "Two.", "history": "One? One."}\n',
        import_function_call='{"messages": [{"role": "user", "function_call": {"name": "f"}}]}\n',
        import_part='{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}\n',
    ),
    *_list_rules(
        _JSONL,
        Severity.WARNING,
        import_left_keys='{"instruction": "What is a list?", "output": "Items.", "id": 7}\n',
    ),
    *_list_rules(
        _CSV,
        import_heading="term,meaning\nlist,items\n",
        import_csv='question,answer\nWhat is a list?,"Items"?\n',
        import_cells="question,answer\nWhat is a list?,Items, in a row\n",
        import_cell_error="question,answer\nWhat is a list?,#REF!\n",
    ),
    *_list_rules(
        _CSV,
        Severity.WARNING,
        import_left="Python\nquestion,answer\nWhat is a list?,Items.\n",
    ),
    *_list_rules(_XLSX, import_unreadable="PK: a zip begins so, and this is none.\n"),
    # Without an example: a workbook is no text, nor is a text that isn't UTF-8, and what is held
    # was imported before.
    *_list_rules("", Severity.WARNING, import_left_sheets="", import_held=""),
    *_list_rules("", Severity.NOTE, import_encoding=""),
)

RULES: Mapping[str, Rule] = {rule.name: rule for rule in _RULES}
