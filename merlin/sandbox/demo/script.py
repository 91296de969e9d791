"""What a demo teaches and asks, in each of its languages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True, slots=True)
class Script:
    """One language's demo: its sample datasets, what is asked first, and what is taught then.

    `samples` names the folder of datasets, `dataset` the one that people talk to.
    """

    language: str
    samples: str
    dataset: str
    question: str
    answer: str
    new_question: str
    new_answer: str
    samples_subject: str
    new_subject: str
    lora_subject: str


RUSSIAN = Script(
    language="ru",
    samples="datasets",
    dataset="neurotypology",
    question="Какие черты лица отвечают за глубину фиксации?",
    answer=(
        "Черты лица, отвечающие за глубину фиксации, — это\n"
        "1. Форма лба.\n2. Форма профиля.\n3. Асимметрия желваков."
    ),
    new_question="Откуда взялся пример про зелёный маяк?",
    new_answer="Пример про зелёный маяк закоммитили во время показа, и новая модель его выучила.",
    samples_subject="Добавь учебные наборы",
    new_subject="Расскажи про зелёный маяк",
    lora_subject="Добавь английские вопросы",
)
ENGLISH = Script(
    language="en",
    samples="datasets-en",
    dataset="algorithms",
    question="How does binary search work?",
    answer=(
        "Binary search keeps a range of a sorted array and halves it at every step:\n"
        "1. Look at the middle element.\n2. If it is the one, stop.\n"
        "3. Otherwise go on in the half that can hold it.\n\nIt takes O(log n) comparisons."
    ),
    new_question="Where did the example about the green lighthouse come from?",
    new_answer="It was committed while the demo ran, and the new model learnt it.",
    samples_subject="Add sample datasets",
    new_subject="Tell about the green lighthouse",
    lora_subject="Add questions for a language model",
)
SCRIPTS = {script.language: script for script in (RUSSIAN, ENGLISH)}


def script_of(language: str, repository: Path, config: Path) -> Script:
    """Return the script of a language; a demo that was begun keeps the one it was begun with."""
    is_begun = (repository / ".git").exists() and config.is_file()
    return SCRIPTS[_language_in(config) if is_begun else language]


def _language_in(config: Path) -> str:
    """Return the language that an earlier run of the demo wrote; the first demos had Russian."""
    said = yaml.safe_load(config.read_text(encoding="utf-8"))
    language = said.get("language") if isinstance(said, dict) else None
    return language if language in SCRIPTS else RUSSIAN.language
