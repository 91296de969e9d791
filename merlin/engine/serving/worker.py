"""`python -m merlin.engine.serving.worker SETUP`: a base model in memory that answers questions.

One answer after another, by transformers' `generate`; adapters are PEFT's, the last ones used stay
loaded. Each is proved when it is loaded (merlin.engine.proof). The engine and this process exchange
JSON lines. To here: {"ask": id, "adapter", "request"} and {"stop": id}. From here: {"ready"} or
{"broken": why} at the start, then by id {"piece"} and {"end"}, {"refused"} or {"failed"}.
"""

import json
import signal
import sys
import traceback
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from merlin.core.messages import Message
from merlin.engine.chat_template import find_end_of_turn
from merlin.engine.child_process import EnginePipe
from merlin.engine.proof import compare, describe_fault, read_proof
from merlin.engine.serving.base import (
    MEMORY_ADVICE,
    QUESTION,
    Adapter,
    GenerationRequest,
    Setup,
    damaged_model_error,
)
from merlin.engine.tokenizer_loading import load_tokenizer
from merlin.engine.training_file import encode_chat, render_chat
from merlin.openai_protocol.errors import ApiError, bad_field, context_length_error

# The context window if neither the config nor the base names one, in tokens.
_WINDOW = 8192
_REPLACEMENT = "�"


@dataclass(frozen=True, slots=True)
class LoadedBase:
    """A loaded base; `window` in tokens, `end_tokens` are the end-of-sequence tokens."""

    model: Any
    tokenizer: Any
    window: int
    end_tokens: Sequence[int]


def load(setup: Setup) -> LoadedBase:
    """Load a base from its folder: only safetensors, no remote code.

    Raises RuntimeError for a missing device, any exception of transformers for unreadable files.
    """
    import torch  # noqa: PLC0415 - takes seconds, in which the engine is watched already

    from merlin.engine.torch_loading import (  # noqa: PLC0415 - as above
        choose_dtype,
        choose_threads,
        load_model,
    )

    if setup.device.startswith("cuda") and not torch.cuda.is_available():
        raise RuntimeError(
            f"engine.answering.device is {setup.device}, but torch sees no GPU here; set it to cpu,"
            " or install the driver and a torch built for it"
        )
    folder = Path(setup.folder)
    dtype = choose_dtype(setup.dtype, torch.device(setup.device))
    tokenizer = load_tokenizer(folder)
    model = load_model(folder, dtype, setup.quantised, setup.device).eval()
    text_config = model.config.get_text_config()
    own = int(
        getattr(text_config, "max_position_embeddings", 0) or setup.context or _WINDOW
    )
    window = min(setup.context or own, own)
    if setup.device == "cpu":
        ids = torch.ones(1, 16, dtype=torch.long)
        with torch.inference_mode():
            torch.set_num_threads(choose_threads(lambda: model(input_ids=ids)))
    return LoadedBase(model, tokenizer, window, _find_end_tokens(model, tokenizer))


def _find_end_tokens(model: Any, tokenizer: Any) -> list[int]:
    """Return the tokens that end an answer: the base's EOS and the template's end of turn."""
    tokens = model.generation_config.eos_token_id
    own = tokens if isinstance(tokens, list) else [tokens, tokenizer.eos_token_id]
    ends = {*own, *find_end_of_turn(tokenizer)}
    return sorted(token for token in ends if token is not None)


def encode_prompt(base: LoadedBase, messages: Sequence[Message]) -> list[int]:
    """Return the prompt's tokens.

    Raises ApiError 400 if the chat template rejects the messages or the prompt fills the window.
    """
    from jinja2 import TemplateError  # noqa: PLC0415 - for the one except clause

    try:
        text = render_chat(base.tokenizer, messages, is_asked=True)
    except TemplateError as error:
        message = f"this model's chat template takes no such messages: {error}"
        raise bad_field("messages", message) from error
    tokens = encode_chat(base.tokenizer, text)
    if len(tokens) >= base.window:
        raise context_length_error(len(tokens), base.window)
    return tokens


class StopFinder:
    """Finds stop texts in streamed text, and holds back what can be the start of one."""

    def __init__(self, stops: Sequence[str]) -> None:
        """Take the stop texts; none of them is empty."""
        self._stops = tuple(stops)
        self._withheld = ""
        self.is_found = False

    def add(self, text: str) -> str:
        """Return the text that can be sent; sets `is_found` if a stop text was found."""
        pending = self._withheld + text
        if positions := [at for stop in self._stops if (at := pending.find(stop)) >= 0]:
            self.is_found = True
            self._withheld = ""
            return pending[: min(positions)]
        # Of the longest stop text all but its last character can have come.
        keep = max(0, len(pending) - max(map(len, self._stops), default=1) + 1)
        self._withheld = pending[keep:]
        return pending[:keep]

    def flush(self) -> str:
        """Return the text held back, after the answer has ended without a stop text."""
        pending = self._withheld
        self._withheld = ""
        return pending


class AnswerStreamer:
    """A streamer of `generate`: sends whole characters, and says when to stop.

    The pipe is looked into after each token: a line {"stop": number} ends this answer, the next
    question waits in `waiting`.
    """

    def __init__(
        self,
        number: int,
        stops: Sequence[str],
        base: LoadedBase,
        pipe: EnginePipe,
        waiting: deque[Mapping[str, Any]],
    ) -> None:
        self._number = number
        self._base = base
        self._pipe = pipe
        self._waiting = waiting
        self._stops = StopFinder(stops)
        self._is_prompt = True
        self._sent = ""
        self.tokens: list[int] = []
        self.is_cancelled = False

    @property
    def is_stopped(self) -> bool:
        """Return whether a stop text was found."""
        return self._stops.is_found

    def put(self, value: Any) -> None:
        """Take the prompt, then each token; called by `generate`."""
        if self._is_prompt:
            self._is_prompt = False
            return
        if self.is_stopped:  # `generate` looks one token later
            return
        tokens = [
            token
            for token in value.flatten().tolist()
            if token not in self._base.end_tokens
        ]
        self.tokens += tokens
        text = self._base.tokenizer.decode(self.tokens, skip_special_tokens=True)
        if tokens and not text.endswith(_REPLACEMENT):
            self._send(self._stops.add(text[len(self._sent) :]))
            self._sent = text

    def end(self) -> None:
        """Send the rest; called by `generate`. An incomplete character is dropped."""
        if not self.is_stopped:
            text = self._base.tokenizer.decode(self.tokens, skip_special_tokens=True)
            self._send(self._stops.add(text[len(self._sent) :].rstrip(_REPLACEMENT)))
        if not self.is_stopped:
            self._send(self._stops.flush())

    def should_stop(self, ids: Any, _scores: Any, **_: object) -> Any:
        """Return whether to end the row; a StoppingCriteria of `generate`."""
        while not self._pipe.inbox.empty():
            line = self._pipe.inbox.get()
            if "ask" in line:
                self._waiting.append(line)
            self.is_cancelled |= line.get("stop") == self._number
        return ids.new_full(
            (len(ids),), self.is_stopped or self.is_cancelled, dtype=bool
        )

    def _send(self, text: str) -> None:
        if text and not self.is_cancelled:
            self._pipe.send({"piece": self._number, "text": text})


class Worker:
    """Answers requests with one base and its adapters, of which the last `most` stay loaded."""

    def __init__(self, base: LoadedBase, most: int, pipe: EnginePipe) -> None:
        self._base = base
        self._most = most
        self._pipe = pipe
        # By digest; a fault that was found, or whether the proof decides that it is applied.
        self._adapters: OrderedDict[str, ApiError | bool] = OrderedDict()
        self._waiting: deque[Mapping[str, Any]] = deque()

    def receive(self) -> Mapping[str, Any]:
        """Return the next line."""
        return self._waiting.popleft() if self._waiting else self._pipe.inbox.get()

    def answer(
        self, number: int, adapter: Adapter | None, request: GenerationRequest
    ) -> None:
        """Answer one request. Raises ApiError if it or its adapter cannot be used."""
        import torch  # noqa: PLC0415 - as in `load`

        base = self._base
        answer = AnswerStreamer(number, request.stops, base, self._pipe, self._waiting)
        prompt = encode_prompt(base, request.messages)
        self._select(adapter)
        if request.seed is None:
            torch.seed()
        else:
            torch.manual_seed(request.seed)
        ids = torch.tensor([prompt], device=base.model.device)
        free = base.window - len(prompt)
        with torch.inference_mode():
            base.model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                streamer=answer,
                stopping_criteria=[answer.should_stop],
                max_new_tokens=min(request.most_tokens or free, free),
                eos_token_id=base.end_tokens,
                pad_token_id=base.end_tokens[0] if base.end_tokens else 0,
                **_choose_sampling(request),
            )
        is_cut = len(answer.tokens) == min(request.most_tokens or free, free)
        self._pipe.send(
            {
                "end": number,
                "reason": "length" if is_cut and not answer.is_stopped else "stop",
                "prompt_tokens": len(prompt),
                "completion_tokens": len(answer.tokens),
                "adapters": len(self._adapters),
                "applied": adapter is not None
                and self._adapters[adapter.digest] is True,
            }
        )

    def _select(self, adapter: Adapter | None) -> None:
        """Activate an adapter, or none; load and prove it if it is not loaded. Raises ApiError."""
        model = self._base.model
        if adapter is None:
            if self._adapters:
                model.disable_adapters()
            return
        name = adapter.digest
        if name not in self._adapters:
            self._load(name, adapter)
        self._adapters.move_to_end(name)
        while len(self._adapters) > self._most:
            model.delete_adapter(self._adapters.popitem(last=False)[0])
        if isinstance(fault := self._adapters[name], ApiError):
            raise fault.with_traceback(None)
        model.set_adapter(name)
        model.enable_adapters()

    def _load(self, name: str, adapter: Adapter) -> None:
        from merlin.engine.torch_loading import score_tokens  # noqa: PLC0415 - as in `load`

        model = self._base.model
        try:
            proof = read_proof(adapter.path)
            model.load_adapter(str(adapter.path), name)
            model.set_adapter(name)
            model.enable_adapters()
            fault = compare(proof, score_tokens(model, proof.questions))
        except Exception as error:
            if name in getattr(model, "peft_config", {}):
                model.delete_adapter(name)
            reason = str(error).partition("\n")[0]
            raise damaged_model_error(f"its files cannot be read: {reason}") from error
        self._adapters[name] = proof.is_decidable
        if fault:
            model.disable_adapters()
            base = score_tokens(model, proof.questions)
            self._adapters[name] = describe_fault(fault, adapter.path, proof, base)


def _choose_sampling(request: GenerationRequest) -> Mapping[str, object]:
    """Return the arguments of `generate`; none where the base's generation config applies."""
    if request.temperature is None and request.top_p is None:
        return {}
    own = {"min_p": None, "repetition_penalty": 1.0}
    if request.temperature == 0:
        return {
            **own,
            "do_sample": False,
            "temperature": None,
            "top_p": None,
            "top_k": None,
        }
    temperature = 1.0 if request.temperature is None else request.temperature
    top_p = 1.0 if request.top_p is None else request.top_p
    return {
        **own,
        "do_sample": True,
        "temperature": temperature,
        "top_p": top_p,
        "top_k": 0,
    }


def serve(setup: Setup, pipe: EnginePipe) -> NoReturn:
    """Load a base and answer; never returns."""
    base = load(setup)
    worker = Worker(base, setup.adapters, pipe)
    pipe.send({"ready": base.window})
    while True:
        line = worker.receive()
        if "ask" not in line:  # the stop of an answer that has just ended
            continue
        number = line["ask"]
        try:
            adapter, request = QUESTION.validate_python(line["question"])
            worker.answer(number, adapter, request)
        except ApiError as refusal:
            fields = {
                "status": refusal.status,
                "param": refusal.param,
                "code": refusal.code,
            }
            pipe.send({"refused": number, "message": str(refusal), **fields})
        except Exception as error:  # noqa: BLE001 - one answer fails, the process goes on
            traceback.print_exc()
            pipe.send({"failed": number, "why": describe_error(error)})


def describe_error(error: BaseException) -> str:
    """Return the error message, with advice if the memory is exhausted."""
    message = f"{type(error).__name__}: {error}".strip().splitlines()[0]
    if (
        isinstance(error, MemoryError)
        or "out of memory" in message
        or "allocate mem" in message
    ):
        return f"out of memory; {MEMORY_ADVICE} ({message})"
    if isinstance(error, ModuleNotFoundError):
        command = (
            "make engine in the checkout, for services sudo make install EXTRA=engine"
        )
        message = f"{error.name} is not installed: run {command}"
    if isinstance(error, OSError) or type(error).__name__ == "SafetensorError":
        message = f"{message}; its files are damaged: remove its folder, then pull or copy it again"
    return message


def main() -> int:
    """Load the base of the setup given as JSON, and serve."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe = EnginePipe()
    try:
        serve(Setup(**json.loads(sys.argv[1])), pipe)
    except Exception as error:  # noqa: BLE001 - reported to the engine; the traceback is logged
        traceback.print_exc()
        pipe.send({"broken": describe_error(error)})
    return 1


if __name__ == "__main__":
    sys.exit(main())
