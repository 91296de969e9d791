"""Backends asked from plain tests, beside transformers' own `generate`, one row at a time."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import warnings
from contextlib import aclosing, contextmanager

from merlin.config.engine import EngineAnsweringConfig, EngineModelConfig
from merlin.core.messages import Message
from merlin.engine.serving.base import Adapter, Finish, GenerationRequest
from merlin.engine.serving.transformers import TransformersBackend
from tests.support.waiting import longest, wait_until


def adapter_in(folder, name):
    """Lay down an adapter's folder in PEFT's layout, with weights of no meaning."""
    path = folder / name
    path.mkdir()
    (path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 4}))
    (path / "adapter_model.safetensors").write_bytes(name.encode())
    return Adapter(hashlib.sha256(name.encode()).hexdigest(), path)


def asking(question="What is a queue?", **options):
    return GenerationRequest([Message("user", question)], **options)


async def answer_of(backend, adapter=None, question="What is a queue?", **options):
    """Return the answer's text, all its pieces, and its ending."""
    async with aclosing(backend.ask(adapter, asking(question, **options))) as pieces:
        *said, ending = [piece async for piece in pieces]
    assert isinstance(ending, Finish)
    return "".join(piece.text for piece in said), said, ending


def in_loop(backend, work):
    """Run `await work(backend)` in a loop of its own, and close the backend in it."""

    async def run():
        try:
            return await work(backend)
        finally:
            await backend.close()

    return asyncio.run(run())


def ask(backend, *arguments, **options):
    """Ask once in a loop of its own."""
    return in_loop(backend, lambda there: answer_of(there, *arguments, **options))


# A start of the child on a machine that is busy with much else.
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


class Speaker:
    """A backend that is asked from plain tests."""

    def __init__(self, backend, loop):
        self.backend, self._loop = backend, loop

    def run(self, work):
        """Return what a coroutine returns on the backend's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(longest(240))

    def ask(self, question, adapter=None, **options):
        """Return the answer's text, its pieces, its ending."""
        return self.run(answer_of(self.backend, adapter, question, **options))

    def text(self, question, adapter=None, **options):
        return self.ask(question, adapter, **options)[0]

    def together(self, *asks):
        """Ask all at once, each (question, adapter, options); return texts or what was raised."""

        async def all_of_them():
            answers = [answer_of(self.backend, a, q, **options) for q, a, options in asks]
            return await asyncio.gather(*answers, return_exceptions=True)

        told = self.run(all_of_them())
        return [one if isinstance(one, BaseException) else one[0] for one in told]

    def stream(self, question, adapter=None, **options):
        """Begin an answer that is read piece by piece."""
        return Stream(self, self.backend.ask(adapter, asking(question, **options)))

    def figure(self, name):
        return self.backend.figures()[name]

    def wait_for(self, **figures):
        """Wait until the backend's figures are these."""
        wait_until(
            lambda: all(self.figure(name) == value for name, value in figures.items()),
            story=lambda: f"wanted {figures}, is {dict(self.backend.figures())}",
        )


class Stream:
    """An answer under way."""

    def __init__(self, speaker, pieces):
        self._speaker, self._pieces = speaker, pieces

    def next(self):
        return self._speaker.run(anext(self._pieces))

    def begin(self):
        """Ask for the first piece without waiting for it; return the future."""
        return asyncio.run_coroutine_threadsafe(anext(self._pieces), self._speaker._loop)

    def rest(self):
        """Return all pieces that are still to come, the ending last."""

        async def read():
            return [piece async for piece in self._pieces]

        return self._speaker.run(read())

    def close(self):
        self._speaker.run(self._pieces.aclose())


@contextmanager
def speaking(folder, log, name="tiny", settings=None, **model):
    """Give a Speaker over a base; its child is gone afterwards."""
    # Several threads on a busy machine hold each other up.
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    said = EngineModelConfig(path=str(folder), **model)
    backend = TransformersBackend(name, said, folder, settings or EngineAnsweringConfig(), log)
    speaker = Speaker(backend, loop)
    try:
        yield speaker
    finally:
        speaker.run(backend.close())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class Reference:
    """The base under transformers and PEFT themselves."""

    def __init__(self, folder):
        self._folder = folder
        with quiet():
            from transformers import AutoTokenizer

            self.tokenizer = AutoTokenizer.from_pretrained(folder)
            self._base = self._loaded()

    def adapter(self, folder, seed, rank=8, targets=None, **config):
        """Make an adapter whose weights change what the base says."""
        import torch
        from peft import LoraConfig, get_peft_model

        torch.manual_seed(seed)
        with quiet():
            lora = LoraConfig(
                r=rank,
                lora_alpha=2 * rank,
                target_modules=targets or ALL,
                init_lora_weights=False,
                **config,
            )
            get_peft_model(self._loaded(), lora).save_pretrained(folder)
        weights = (folder / "adapter_model.safetensors").read_bytes()
        return Adapter(hashlib.sha256(weights).hexdigest(), folder)

    def text(self, question, adapter=None, most=40):
        """Return the greedy answer of one row alone."""
        from peft import PeftModel

        asked = self.tokens(question)
        with quiet():
            model = self._base
            if adapter:
                model = PeftModel.from_pretrained(self._loaded(), adapter.path)
            made = model.generate(
                input_ids=asked, attention_mask=asked.new_ones(asked.shape), do_sample=False,
                max_new_tokens=most,
            )  # fmt: skip
        said = self.tokenizer.decode(made[0, asked.shape[1] :], skip_special_tokens=True)
        return said.rstrip("�")

    def tokens(self, question):
        import torch

        said = [{"role": "user", "content": question}]
        text = self.tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
        return torch.tensor([self.tokenizer.encode(text, add_special_tokens=False)])

    def last_logits(self, question):
        """Return what the base holds likely for the first token."""
        import torch

        with torch.inference_mode():
            return self._base(input_ids=self.tokens(question)).logits[0, -1]

    def _loaded(self):
        from transformers import AutoModelForCausalLM

        return AutoModelForCausalLM.from_pretrained(self._folder)


@contextmanager
def quiet():
    """What the libraries warn of among themselves is no failure of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
