"""Files beside those of a build by which other programs read it: a card, a list of tests.

`README.md` is a dataset's card in the form of the Hugging Face hub, by which its `load_dataset` and
the trainers of others find the splits. `test_questions.yaml` is promptfoo's list of tests, so that
anybody can ask any provider the same. Both follow from the build alone, as its digest does.
Written by PyYAML: the daemon runs without the engine's extra, which has the hub's own classes.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from merlin.core.i18n import detect_language
from merlin.core.messages import Message

CARD_FILE = "README.md"
TESTS_FILE = "test_questions.yaml"
# The share of the reference's words that an answer has to have: another wording is no fault.
_ENOUGH = 0.5
# As promptfoo is told to ask them.
_USAGE = """\
# promptfoo eval --prompts file://prompt.txt --tests test_questions.yaml --providers PROVIDER
# prompt.txt is one line: {{messages}}
"""
# The beginning of Nunjucks' expressions, statements and comments.
_TEMPLATE = re.compile(r"\{[{%#]")
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))
# Conversations whose languages are those of the dataset.
_READ = 200


def dump_card(
    manifest: Mapping[str, Any],
    title: str,
    files: Mapping[str, str],
    conversations: Iterable[Sequence[Message]],
) -> str:
    """Return the card of a build; `files` are the names of its splits' files by split.

    A split without examples is left out: `load_dataset` fails on an empty file. `conversations`
    tell the languages. The licence of examples is their authors' matter: the card says `unknown`.
    """
    counts = manifest["counts"]
    filled = {split: path for split, path in files.items() if counts[split]}
    total = sum(counts[split] for split in filled)
    size = next((size for most, size in _SIZES if total < most), "n>100K")
    head = {
        "pretty_name": title,
        "language": find_languages(conversations),
        "license": "unknown",
        "task_categories": ["text-generation"],
        "size_categories": [size],
        "configs": [
            {
                "config_name": "default",
                "data_files": [
                    {"split": split, "path": path} for split, path in filled.items()
                ],
            }
        ],
    }
    splits = ", ".join(f"{counts[split]} {split}" for split in filled)
    return (
        f"---\n{_dump(head)}---\n\n# {title}\n\n"
        f"Conversations of the dataset `{manifest['dataset']}`: {splits}.\n"
        f"Digest of the build: `{manifest['digest']}`.\n"
    )


def dump_tests(conversations: Iterable[tuple[str, Sequence[Message]]]) -> str:
    """Return promptfoo's tests: each asks all messages before the last, the expected answer."""
    tests = [
        {
            "description": name,
            "vars": {
                "question": _quote(messages[-2].content),
                "messages": _quote(_dump_json(messages[:-1])),
            },
            "assert": [
                {
                    "type": "rouge-n",
                    "threshold": _ENOUGH,
                    "value": _quote(messages[-1].content),
                }
            ],
        }
        for name, messages in conversations
        if messages[-1].role == "assistant"
    ]
    return _USAGE + _dump(tests)


def find_languages(conversations: Iterable[Sequence[Message]]) -> list[str]:
    """Return the languages of conversations, sorted; none of one that does not tell it."""
    read = [messages for messages, _ in zip(conversations, range(_READ), strict=False)]
    texts = ("\n".join(each.content for each in messages[-2:]) for messages in read)
    return sorted({language for text in texts if (language := detect_language(text))})


def _dump_json(messages: Sequence[Message]) -> str:
    return json.dumps([each.as_json() for each in messages], ensure_ascii=False)


def _quote(text: str) -> str:
    """Return a text that promptfoo leaves as it is: it fills in templates in it, too."""
    return f"{{% raw %}}{text}{{% endraw %}}" if _TEMPLATE.search(text) else text


def _dump(value: object) -> str:
    width = 1_000_000  # else long lines are wrapped, which people read as line ends
    return str(
        yaml.dump(
            value,
            None,
            yaml.CSafeDumper,
            width=width,
            allow_unicode=True,
            sort_keys=False,
        )
    )
