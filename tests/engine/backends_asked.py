"""Helpers that send requests to backends, and the same base under transformers' `generate`."""

import asyncio
import hashlib
import json
import struct
import threading
import warnings
from contextlib import aclosing, contextmanager, suppress
from itertools import chain
from pathlib import Path

import psutil

from merlin.config.engine import EngineAnsweringConfig, EngineModelConfig
from merlin.core.messages import Message
from merlin.engine.proof import Proof, ProofQuestion, write_proof
from merlin.engine.serving.base import Adapter, Finish, GenerationRequest
from merlin.engine.serving.transformers import TransformersBackend
from tests.support.ending import wait_for_end
from tests.support.waiting import longest, wait_until

ASKED = "What is a queue?"
PROOF = Proof(
    [ProofQuestion([1, 2, 3, 4], 2), ProofQuestion([5, 6, 7], 1)],
    base=[[-4.0, -3.0], [-2.5]],
    tuned=[[-0.5, -0.25], [-0.125]],
    quantised="none",
)


def write_adapter(folder, name):
    """Write an adapter folder in PEFT's layout, with meaningless weights and a proof."""
    path = folder / name
    path.mkdir()
    config = {
        "peft_type": "LORA",
        "r": 4,
        "lora_alpha": 8,
        "target_modules": ["q_proj"],
    }
    config["base_model_name_or_path"] = "words"
    (path / "adapter_config.json").write_text(json.dumps(config))
    write_proof(PROOF, path)
    write_weights(path, name)
    return Adapter(hashlib.sha256(name.encode()).hexdigest(), path)


def write_weights(folder, name, tensors=None):
    """Write the weights of an adapter: numbers by the names of tensors."""
    tensors = tensors or {"w": (1.0,)}
    header = {"__metadata__": {"name": name}}
    place = 0
    for key, numbers in tensors.items():
        end = place + 4 * len(numbers)
        shape = {"shape": [len(numbers)], "data_offsets": [place, end]}
        header[key] = {"dtype": "F32", **shape}
        place = end
    header = json.dumps(header).encode()
    numbers = [*chain.from_iterable(tensors.values())]
    content = struct.pack(
        f"<Q{len(header)}s{len(numbers)}f", len(header), header, *numbers
    )
    (folder / "adapter_model.safetensors").write_bytes(content)


def build_request(question=ASKED, **options):
    return GenerationRequest([Message("user", question)], **options)


async def read_answer(backend, adapter=None, question=ASKED, **options):
    """Return the answer's text, its chunks, and the Finish."""
    async with aclosing(
        backend.ask(adapter, build_request(question, **options))
    ) as parts:
        *chunks, ending = [piece async for piece in parts]
    assert isinstance(ending, Finish)
    return "".join(chunks), chunks, ending


def run_with_backend(backend, work):
    """Run `await work(backend)` in an own event loop, and close the backend in it."""

    async def run():
        try:
            return await work(backend)
        finally:
            await backend.close()

    return asyncio.run(run())


def ask(backend, *arguments, **options):
    """Send one request in an own event loop."""
    return run_with_backend(
        backend, lambda there: read_answer(there, *arguments, **options)
    )


ALL_LAYERS = [
    "q_proj",
    "k_proj",
    "v_proj",
    "o_proj",
    "gate_proj",
    "up_proj",
    "down_proj",
]


class BackendRunner:
    """Calls a backend on its event loop from synchronous tests; `log` is its worker's."""

    def __init__(self, backend, loop, log):
        self.backend = backend
        self._loop = loop
        self._log = log

    def find_worker(self):
        """Return the id of the worker process, None if none runs."""
        for child in psutil.Process().children():
            with suppress(OSError):  # it has ended
                if Path(f"/proc/{child.pid}/fd/2").readlink() == self._log:
                    return child.pid
        return None

    def run(self, work):
        """Return the result of a coroutine on the backend's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(longest(240))

    def ask(self, question=ASKED, adapter=None, **options):
        """Send one request; return text, chunks and Finish."""
        return self.run(read_answer(self.backend, adapter, question, **options))

    def text(self, question=ASKED, adapter=None, **options):
        return self.ask(question, adapter, **options)[0]

    def ask_concurrently(self, *asks):
        """Send requests (question, adapter, options) at once; return texts or exceptions."""

        async def all_of_them():
            answers = [
                read_answer(self.backend, a, q, **options) for q, a, options in asks
            ]
            return await asyncio.gather(*answers, return_exceptions=True)

        answers = self.run(all_of_them())
        return [
            answer if isinstance(answer, BaseException) else answer[0]
            for answer in answers
        ]

    def stream(self, question, adapter=None, **options):
        """Start an answer that is read chunk by chunk."""
        return AnswerStream(
            self, self.backend.ask(adapter, build_request(question, **options))
        )

    def get_figure(self, name):
        return self.backend.figures()[name]

    def wait_for(self, **figures):
        """Wait until the backend's figures have these values."""
        wait_until(
            lambda: all(
                self.get_figure(name) == value for name, value in figures.items()
            ),
            describe=lambda: f"wanted {figures}, is {dict(self.backend.figures())}",
        )


class AnswerStream:
    """A streamed answer that is not finished."""

    def __init__(self, runner, pieces):
        self._runner = runner
        self._pieces = pieces

    def next(self):
        return self._runner.run(anext(self._pieces))

    def begin(self):
        """Request the first chunk without waiting for it; return the future."""
        return asyncio.run_coroutine_threadsafe(anext(self._pieces), self._runner._loop)

    def read_rest(self):
        """Return all remaining chunks, with the Finish last."""

        async def read():
            return [piece async for piece in self._pieces]

        return self._runner.run(read())

    def close(self):
        self._runner.run(self._pieces.aclose())


@contextmanager
def run_backend(backend, log=None):
    """Yield a BackendRunner; its worker, which writes `log`, has ended afterwards."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runner = BackendRunner(backend, loop, log)
    try:
        yield runner
    finally:
        runner.run(backend.close())
        loop.call_soon_threadsafe(loop.stop)
        wait_for_end(thread)
        loop.close()


def start_backend(folder, log, **limits):
    """Run our own backend for a base, with these limits."""
    config = EngineModelConfig(path=str(folder))
    kind = type("LimitedBackend", (TransformersBackend,), limits)
    backend = kind("tiny", config, folder, EngineAnsweringConfig(), log)
    return run_backend(backend, log)


class ReferenceModel:
    """The base under transformers and PEFT."""

    def __init__(self, folder):
        self._folder = folder
        with ignore_warnings():
            from transformers import AutoTokenizer

            self.tokenizer = AutoTokenizer.from_pretrained(folder)
            self._base = self._load()

    def adapter(self, folder, seed, rank=8, targets=None, **config):
        """Create an adapter whose weights change the base's answers."""
        import torch
        from peft import LoraConfig, get_peft_model

        torch.manual_seed(seed)
        with ignore_warnings():
            lora = LoraConfig(
                r=rank,
                lora_alpha=2 * rank,
                target_modules=targets or ALL_LAYERS,
                init_lora_weights=False,
                **config,
            )
            model = get_peft_model(self._load(), lora)
            model.save_pretrained(folder)
        self._write_proof(model, folder)
        weights = (folder / "adapter_model.safetensors").read_bytes()
        return Adapter(hashlib.sha256(weights).hexdigest(), folder)

    def _write_proof(self, model, folder):
        from merlin.engine.torch_loading import score_tokens

        questions = [ProofQuestion(self.tokens("Where is Anna?")[0].tolist(), 6)]
        tuned = score_tokens(model.eval(), questions)
        write_proof(
            Proof(questions, score_tokens(self._base, questions), tuned, "none"), folder
        )

    def text(self, question, adapter=None, most=40):
        """Return the greedy answer to one question."""
        from peft import PeftModel

        prompt = self.tokens(question)
        with ignore_warnings():
            model = self._base
            if adapter:
                model = PeftModel.from_pretrained(self._load(), adapter.path)
            tokens = model.generate(
                input_ids=prompt, attention_mask=prompt.new_ones(prompt.shape), do_sample=False,
                max_new_tokens=most,
            )  # fmt: skip
        text = self.tokenizer.decode(
            tokens[0, prompt.shape[1] :], skip_special_tokens=True
        )
        return text.rstrip("�")

    def tokens(self, question):
        import torch

        messages = [{"role": "user", "content": question}]
        text = self.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
        return torch.tensor([self.tokenizer.encode(text, add_special_tokens=False)])

    def _load(self):
        from transformers import AutoModelForCausalLM

        return AutoModelForCausalLM.from_pretrained(self._folder)


@contextmanager
def ignore_warnings():
    """Ignore the warnings of the libraries about each other."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
