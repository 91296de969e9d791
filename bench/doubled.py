"""Processor time of what reads people's texts, for a text and for one twice as long.

Each text repeats a mark that a pattern could begin at. What takes more than 2.5 times as long for
twice the length takes the square of it: 60 KB of such a text once stopped every page for 30 s.
"""

import gc
import time
from collections.abc import Callable
from typing import Any

from merlin.api.pages.markdown import render_markdown
from merlin.core import facts, small_talk, wordings
from merlin.core.formatted_text import escape_controls
from merlin.core.log import redact
from merlin.dataset import import_texts, leftovers, near_questions, sensitive
from merlin.dataset.import_fields import NO_CHOICES
from merlin.dataset.import_lines import read_import_files, take_most
from merlin.dataset.lint import is_refusal
from merlin.dataset.passages import split_passages
from merlin.dataset.tokens import count_tokens
from merlin.dataset.yaml_io import read_yaml
from tests.support.slow_files import FILES, SlowFile

MARKS = (
    *("a", " ", "\n", "(", "[", "*", "_", "<", "&", "`", "1", "1.", "a@", "http://a"),
    *("$", "|", "- ", ">", "#", "|a", "**a", "[a](", "<a ", "</", "&#", "{", "{{"),
    *("%", "[[", "![", "~", "\\", "а ", "1,", "1 ", "12.", "+7 ", "@a", "a.", "a-"),
    *("\t", "a\n", "1\n\n", "Q: ", "\n- ", "\n1. ", "\n> ", "|\n", "$$", "```\n"),
    *("<think>", "8.8E+", "<<", "10:00 ", "12.12.", "не ", "\n|-"),
)
# A text shorter than this is read in less time than the clock tells apart from nothing.
LEAST_S = 0.05
LENGTH = 20_000
FILE_BYTES = 100_000
MOST_TIMES = 2.5
READERS: dict[str, Callable[[str], object]] = {
    "facts": facts.read_tokens,
    "wordings": lambda text: wordings.judge_wording(text, f"12 мая. {text[::2]}"),
    "wordings added": lambda text: wordings.adds_nothing(text, "12 мая.", least=0.7),
    "leftovers": lambda text: [*leftovers.find_leftovers(text, "answer")],
    "personal data": lambda text: [*sensitive.find_sensitive(text)],
    "personal data masked": lambda text: sensitive.mask_personal_data(text, "ru"),
    "near questions": lambda text: near_questions.are_nearly_equal(text, text[1:]),
    "refusals": is_refusal,
    "small talk": small_talk.find_small_talk,
    "tokens": count_tokens,
    "HTML": import_texts.html_text,
    "pictures": import_texts.find_picture,
    "Markdown of a page": lambda text: render_markdown(text, "ru"),
    "passages": lambda text: [*split_passages(text)],
    "YAML": lambda text: read_yaml(text.encode()),
    "controls": escape_controls,
    "log": redact,
}


def _measure(read: Callable[[Any], object], text: object) -> float:
    gc.collect()  # what others have left is not counted
    start = time.process_time()
    read(text)
    return time.process_time() - start


def _read_import(file: SlowFile) -> None:
    [*take_most(read_import_files([file]), NO_CHOICES)]


def run() -> None:
    """Print for each reader the mark, or for imports the file, that costs most when doubled."""
    for name, read in READERS.items():
        read("12 мая")
        worst = (0.0, "", 0.0)
        for mark in MARKS:
            text = (mark * LENGTH)[:LENGTH]
            once = _measure(read, text)
            if once > LEAST_S:
                twice = _measure(read, (mark * LENGTH)[: 2 * LENGTH])
                worst = max(worst, (twice / once, mark, once))
        _print_worst(name, *worst)
    for name, makers in FILES.items():
        worst = (0.0, "", 0.0)
        for number, make in enumerate(makers):
            once = _measure(_read_import, make(FILE_BYTES))
            if once > LEAST_S:
                twice = _measure(_read_import, make(2 * FILE_BYTES))
                worst = max(worst, (twice / once, str(number), once))
        _print_worst(f"import of {name}", *worst)


def _print_worst(name: str, times: float, mark: str, once: float) -> None:
    verdict = "MISSED" if times > MOST_TIMES else "ok"
    print(f"{name:22} {times:.1f} times ({mark!r}, {once:.2f} s) {verdict}")
