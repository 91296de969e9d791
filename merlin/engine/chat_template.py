"""Chat templates of bases: what Merlin adapts in them, and those with which it cannot train.

The training and serving processes adapt them (`merlin.engine.tokenizer_loading`), vLLM is given a
file with the adapted one: all render alike.
"""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# A template that writes the day would render each day another prompt than the trained one (Llama
# 3.2, gpt-oss): the day that Llama's own template takes where it is told none.
_FIXED_DAY = (
    "{%- macro strftime_now(format) -%}"
    "{{ '2024-07-26' if '-' in format else '26 Jul 2024' }}{%- endmacro -%}"
)
# Gemma 2 and older Mistral refuse or drop a system text. Their families' later templates put it
# before the first question, with an empty line between them.
_FOLDED_SYSTEM = (
    "{%- if messages[1:] and messages[0]['role'] == 'system' and messages[1]['role'] == 'user' -%}"
    "{%- set first = messages[0]['content'] + '\n\n' + messages[1]['content'] -%}"
    "{%- set messages = [{'role': 'user', 'content': first}] + messages[2:] -%}{%- endif -%}"
)
# Gemma 4 12B, 26B and 31B are asked with an empty thought, which their templates leave out of the
# answers before: an answer is trained as it is asked.
_EMPTY_THOUGHT = "<|channel>thought\n<channel|>"
# The module that loads transformers, which the engine's server does not.
_LOADING = "merlin.engine.tokenizer_loading"
_SYSTEM, _QUESTION, _ANSWER = (
    {"role": role, "content": f"merlin-{role}"}
    for role in ("system", "user", "assistant")
)


def adapt_template(tokenizer: Any) -> None:
    """Adapt the template of a tokenizer that has one."""
    if tokenizer.chat_template:
        tokenizer.chat_template = _adapt(tokenizer)


def write_adapted(folder: Path, file: Path) -> bool:
    """Write the adapted template of a base in a process of its own; return whether it is due."""
    file.unlink(missing_ok=True)
    files = [*folder.glob("chat_template*"), folder / "tokenizer_config.json"]
    text = "".join(path.read_text("utf-8") for path in files if path.is_file())
    # Most templates need none, and the import takes seconds.
    is_due = "strftime_now" in text or "raise_exception" in text or "system" not in text
    if is_due and find_spec("transformers") is not None:
        command = [sys.executable, "-m", _LOADING, str(folder), str(file)]
        subprocess.run(command, check=False, stdin=subprocess.DEVNULL)  # noqa: S603 - our own module
    return file.exists()


def _adapt(tokenizer: Any) -> str:
    from jinja2 import TemplateError  # noqa: PLC0415 - for the one except clause

    template: str = tokenizer.get_chat_template()
    try:
        has_system = _SYSTEM["content"] in render(
            tokenizer, [_SYSTEM, _QUESTION], is_asked=True
        )
    except TemplateError:
        has_system = False
    day = _FIXED_DAY if "strftime_now" in template else ""
    return f"{day}{'' if has_system else _FOLDED_SYSTEM}{template}"


def render(tokenizer: Any, messages: list[dict[str, str]], *, is_asked: bool) -> str:
    """Return what the template makes of messages. Raises ValueError, jinja2's TemplateError."""
    # Examples have no reasoning, so it is disabled for reasoning bases (Qwen3, SmolLM3), which
    # would otherwise be trained on empty reasoning. Other templates ignore the variable.
    text = str(
        tokenizer.apply_chat_template(
            messages,
            tokenize=False,
            add_generation_prompt=is_asked,
            enable_thinking=False,
        )
    )
    # The first message is no answer, and templates don't render a prompt without a question.
    if is_asked or not messages[1:] or messages[-1]["role"] != "assistant":
        return text
    if "<|channel>thought" not in tokenizer.chat_template:
        return text
    asked = render(tokenizer, messages[:-1], is_asked=True)
    before = asked.removesuffix(_EMPTY_THOUGHT)
    return text if text.startswith(asked) else text.replace(before, asked, 1)


def find_template_fault(tokenizer: Any) -> tuple[str, str] | None:
    """Return why a base cannot be trained with its template: a Fluent key and a detail.

    An answer is trained as what follows its prompt, up to a mark that ends it.
    """
    from jinja2 import TemplateError  # noqa: PLC0415 - for the one except clause

    try:
        asked = render(tokenizer, [_QUESTION], is_asked=True)
        answered = render(tokenizer, [_QUESTION, _ANSWER], is_asked=False)
    except (TemplateError, ValueError) as error:
        return "engine-template-broken", str(error)[:200]
    before, answer, after = answered.rpartition(_ANSWER["content"])
    if not answer or _QUESTION["content"] not in before:
        return "engine-template-broken", answered[-60:]
    if not answered.startswith(asked):
        return "engine-template-prompt", asked[-30:]
    ends = tokenizer(after, add_special_tokens=False)["input_ids"]
    if tokenizer.eos_token_id in ends or find_end_of_turn(tokenizer):
        return None
    return "engine-template-endless", after


def find_end_of_turn(tokenizer: Any) -> list[int]:
    """Return the token with which the template ends an answer, empty if it is plain text."""
    text = render(tokenizer, [_QUESTION, _ANSWER], is_asked=False)
    after = text.rpartition(_ANSWER["content"])[2]
    marks = {*tokenizer.all_special_ids, *tokenizer.get_added_vocab().values()}
    first = tokenizer(after, add_special_tokens=False)["input_ids"][:1]
    return [token for token in first if token in marks]
