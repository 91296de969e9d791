"""A Modelfile: how Ollama loads a whole model from its folder, and asks it as it was trained.

Ollama's templates are Go's, a base's is Jinja's. Both only put texts between messages, so these
texts are read off what the base's template makes of marked messages, and what they give together is
compared with the template itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from merlin.engine.chat_template import find_end_of_turn, render

MODELFILE = "Modelfile"
# The classes of language models that `ollama create` takes as a folder of safetensors. Source:
# ollama/ollama, convert/convert.go, LoadModelMetadata, 21 August 2026. Qwen3ForCausalLM (T-lite 2.1
# too), MistralForCausalLM and SmolLM3ForCausalLM are none of them. It converts adapters of two.
CLASSES = frozenset(
    {
        *("LlamaForCausalLM", "Llama4ForConditionalGeneration", "MixtralForCausalLM"),
        *(
            "Mistral3ForConditionalGeneration",
            "Ministral3ForCausalLM",
            "CohereForCausalLM",
        ),
        *(
            "GemmaForCausalLM",
            "Gemma2ForCausalLM",
            "Gemma3ForCausalLM",
            "Phi3ForCausalLM",
        ),
        *("Gemma3ForConditionalGeneration", "Gemma3nForConditionalGeneration"),
        *("Gemma4ForCausalLM", "Gemma4ForConditionalGeneration", "Qwen2ForCausalLM"),
        *("Qwen3_5ForConditionalGeneration", "Olmo3ForCausalLM", "GptOssForCausalLM"),
        *("DeepseekV3ForCausalLM", "Glm4MoeLiteForCausalLM", "Lfm2ForCausalLM"),
    }
)
_SYSTEM = "system"
_USER = "user"
_ASSISTANT = "assistant"
Messages = Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class TurnTexts:
    """The texts that a chat template puts around messages.

    `opening` is before a first question, `system` before instructions, `question` between these and
    a question, `answer` between a question and its answer, `next` between an answer and the next
    question, `asked` after the last question: a reasoning base has its empty thoughts there.
    """

    opening: str
    system: str
    question: str
    answer: str
    next: str
    asked: str

    def render(self, messages: Messages) -> str:
        """Return the prompt of messages that end with a question."""
        ends = {_SYSTEM: self.question, _USER: self.answer, _ASSISTANT: self.next}
        parts = [self.system if messages[0]["role"] == _SYSTEM else self.opening]
        for message in messages[:-1]:
            parts += [message["content"], ends[message["role"]]]
        return "".join([*parts, messages[-1]["content"], self.asked])

    def as_go_template(self) -> str:
        """Return Ollama's template; it trims no line ends, which are tokens."""
        said = "{{ $m.Content }}"
        return (
            "{{ range $i, $m := .Messages }}"
            f'{{{{ if eq $m.Role "system" }}}}{self.system}{said}{self.question}'
            '{{ else if eq $m.Role "user" }}'
            f"{{{{ if eq $i 0 }}}}{self.opening}{{{{ end }}}}{said}"
            f"{{{{ if eq (len (slice $.Messages $i)) 1 }}}}{self.asked}"
            f"{{{{ else }}}}{self.answer}{{{{ end }}}}"
            f"{{{{ else }}}}{said}{self.next}{{{{ end }}}}{{{{ end }}}}"
        )


def read_turn_texts(tokenizer: Any) -> TurnTexts:
    """Return the texts of a tokenizer's template, without the token that begins each prompt.

    Ollama's own tokenizer adds that token. Raises ValueError if they don't give what the template
    gives.
    """
    roles = (_SYSTEM, _USER, _ASSISTANT, _USER)
    system, first, answer, second = (
        {"role": role, "content": f"merlin-{number}-{role}"}
        for number, role in enumerate(roles)
    )

    def ask(*messages: Mapping[str, str]) -> str:
        prompt = render(tokenizer, [dict(each) for each in messages], is_asked=True)
        return prompt.removeprefix(tokenizer.bos_token or "")

    rest = ask(system, first, answer, second)
    texts = []
    for message in (system, first, answer, second):
        text, found, rest = rest.partition(message["content"])
        if not found:
            raise ValueError(f"the template leaves out what the {message['role']} says")
        texts.append(text)
    opening = ask(first).partition(first["content"])[0]
    before, question, between, after = texts
    turns = TurnTexts(opening, before, question, between, after, rest)
    for messages in ((first,), (system, first), (first, answer, second)):
        if turns.render(messages) != ask(*messages):
            raise ValueError("the template treats messages by more than their role")
    if "{{" in "".join([opening, *texts, rest]):
        raise ValueError("the template writes braces, which are Ollama's")
    return turns


def build_modelfile(tokenizer: Any, system: str) -> str:
    """Return the Modelfile of a folder with a whole model. Raises ValueError."""
    template = read_turn_texts(tokenizer).as_go_template()
    ends = {*find_end_of_turn(tokenizer), tokenizer.eos_token_id} - {None}
    stops = [f'PARAMETER stop "{tokenizer.decode([end])}"\n' for end in sorted(ends)]
    # Three quotes end a text, and nothing escapes them.
    quoted = system.replace('"""', "'''")
    return f'FROM .\nTEMPLATE """{template}"""\nSYSTEM """{quoted}"""\n{"".join(stops)}'
