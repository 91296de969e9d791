"""A stand-in of vLLM's OpenAI server with the routes that the engine calls.

It says what a real one was recorded to say (tests/real/recorded/vllm.json, which has the version)
and refuses where that does: an adapter that is loaded, a folder without one, a rank that is too
high. It ends by `prompt_logprobs` with an adapter. It has no model: an answer is the model's name
and the question, one word per chunk; tokens are words. A question of one word makes it misbehave:
"busy", "die", "break", "cut", "twice" and "other" (a stream), "hold" and "drip" (a stream without
an end). The probability of a token after a prompt is that of the adapter's proof; with `--weights
yes` that of the base in the folder with the adapter, by torch. `--fault base` loads adapters, lists
them and serves the base, `--fault stale` serves each with the first one, `--fault name` says that
the base has answered, `--fault chat` says so of a chat alone, `--fault fatal` ends by a question to
an adapter "fatal", as EngineCore does,
`--fault slow` loads an adapter once its folder has a file "go", `--fault lost` cuts the answer to a
load, `--fault key` loads none with any key, `--fault mute` tells no probability, `--fault beside`
measures the base by the adapter that is asked with it. After a question to an adapter "overflow",
or the question "overflow", each answer has NaN in it, which is refused. `--child yes` starts a
process that lives on, `--rename NAME` renames a recorded field.

Recorded answers are filled, never added to: see `fill`. The calls of `relayed_calls` are answered
as a real vLLM did when tests/real recorded it.

`install` writes a program `vllm` that runs it; starts and requests are lines of its journal.
"""

import asyncio
import copy
import json
import math
import os
import shlex
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.engine.relayed_calls import CALLS
from tests.real.recording import fill, read_recording, replay

WINDOW = 50
# The calls by which the adapter of the tests is proved.
_ASKED_ALONE = 3
RECORDED = read_recording("vllm")
# Of exceptions.py of vLLM 0.32.0, QueueOverflowError.
BUSY = (
    "The engine is currently busy and cannot accept new requests. Please try again later or on a"
    " different instance."
)
# Without PYTHONPATH, which vLLM isn't given.
_RUN = f"""
import runpy, sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
runpy.run_module("tests.engine.vllm_standin", run_name="__main__")
"""


def install(folder):
    """Write the program `vllm` into a folder; return its journal."""
    journal = folder / "journal"
    lines = [
        "#!/bin/sh",
        f"export VLLM_JOURNAL={shlex.quote(str(journal))}",
        f'exec {shlex.quote(sys.executable)} -c {shlex.quote(_RUN)} "$@"',
    ]
    program = folder / "vllm"
    program.write_text("\n".join(lines) + "\n")
    program.chmod(0o755)
    return Journal(journal)


class Journal:
    """What the stand-in was started with and asked for."""

    def __init__(self, path):
        self._path = path

    def read(self, kind):
        """Return the entries of a kind: "start", "chat", "load", "lost"."""
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        return [entry[kind] for entry in map(json.loads, lines) if kind in entry]


def _note(**entry):
    with open(os.environ["VLLM_JOURNAL"], "a") as file:  # noqa: PTH123 - one write, one line
        file.write(json.dumps(entry) + "\n")


def _replay(story, was="", name=""):
    """Return the answer of a story, with another name in the place of one."""
    status, content, kind = replay(RECORDED.answer(story))
    text = content.decode()
    assert was in text, f"{story} does not say {was}"
    return Response(text.replace(was, name) if was else text, status, media_type=kind)


def _refuse_busy():
    error = {
        "message": BUSY,
        "type": "Service Unavailable",
        "param": None,
        "code": 503,
    }
    return JSONResponse({"error": error}, 503)


def _refuse_nan():
    # As JSONResponse of starlette says it.
    message = "Out of range float values are not JSON compliant: nan"
    error = {"message": message, "type": "BadRequestError", "param": None, "code": 400}
    return JSONResponse({"error": error}, 400)


def _rename(value, name):
    """Return a JSON value with a field of another name."""
    if isinstance(value, list):
        return [_rename(each, name) for each in value]
    if isinstance(value, dict):
        return {
            f"{key}_" if key == name else key: _rename(each, name)
            for key, each in value.items()
        }
    return value


def _copy(story, number=0):
    """Return one event of a recorded stream."""
    return copy.deepcopy(RECORDED.answer(story)["body"][number])


class VllmStandin:
    """One server for the base `name`."""

    def __init__(self, options, weights):
        self.name = options["--served-model-name"]
        self.fault = options.get("--fault")
        self.names = {self.name}
        self.adapters = {}
        self.weights = weights
        self.most_rank = int(options["--max-lora-rank"])
        # Then the head gets no adapter, and the probabilities of a prompt end nothing.
        self.has_modules = "--lora-target-modules" in options
        self.is_spoilt = False
        self.is_beside = asyncio.Event()
        self.asked = 0
        version = copy.deepcopy(RECORDED.answer("version")["body"])
        if "--version" in options:
            fill(version, options["--version"], "version")
        self.app = Starlette(
            routes=[
                Route("/health", lambda _: _replay("health")),
                Route("/version", lambda _: JSONResponse(version)),
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
                Route("/v1/completions", self._complete, methods=["POST"]),
                Route("/v1/responses", self._respond, methods=["POST"]),
                Route("/v1/load_lora_adapter", self._load, methods=["POST"]),
            ]
        )

    def _is_allowed(self, request):
        return (
            request.headers.get("authorization")
            == f"Bearer {os.environ['VLLM_API_KEY']}"
        )

    async def _chat(self, request):
        body = await request.json()
        _note(chat=body)
        text = body["messages"][-1]["content"]
        if not self._is_allowed(request):
            return _replay("wrong-key")
        if body["model"] not in self.names:
            return _replay("unknown-model", "no-such-model", body["model"])
        self.is_spoilt |= text == "overflow"
        if text == "busy" or self.is_spoilt:
            return _refuse_nan() if self.is_spoilt else _refuse_busy()
        if text == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if answer := self._find_recorded(request, body):
            return answer
        if len(text.split()) > WINDOW:
            return _replay("too-long")
        return StreamingResponse(
            self._answer(body, text), media_type="text/event-stream"
        )

    async def _respond(self, request):
        body = await request.json()
        _note(respond=body)
        return self._find_recorded(request, body)

    def _find_recorded(self, request, body):
        """Return what a real vLLM answered to the same body, under the name of another model."""
        for story in CALLS:
            [asked] = RECORDED.requests(story)
            is_same = {**asked["body"], "model": body["model"]} == body
            if is_same and asked["path"] == request.url.path:
                status, content, kind = replay(RECORDED.answer(story))
                name = json.dumps(asked["body"]["model"])
                content = content.decode().replace(
                    f'"model": {name}', f'"model": "{self._get_name(body)}"'
                )
                return Response(content, status, media_type=kind)
        return None

    async def _load(self, request):
        body = await request.json()
        _note(load=body)
        name = body["lora_name"]
        path = Path(body["lora_path"])
        if self.fault == "key":
            return _replay("wrong-key")
        if name in self.names:
            return _replay("load-again", "recorded", name)
        if not (path / "adapter_config.json").exists():
            return _replay("load-missing", "missing", name)
        if json.loads((path / "adapter_config.json").read_text())["r"] > self.most_rank:
            return _replay("load-rank")
        self.names.add(name)
        self.adapters[name] = path
        if self.fault == "stale":
            self.adapters[name] = next(iter(self.adapters.values()))
        if self.fault == "slow":
            while not (path / "go").exists() and not await request.is_disconnected():  # noqa: ASYNC110 - a file has no event
                await asyncio.sleep(0.05)
        if self.fault == "lost":
            return StreamingResponse(_break_off())
        return _replay("load", "recorded", name)

    async def _complete(self, request):
        body = await request.json()
        _note(complete=body)
        if answer := self._find_recorded(request, body):
            return answer
        adapter = None if self.fault == "base" else self.adapters.get(body["model"])
        is_fatal = "prompt_logprobs" in body and self.adapters and not self.has_modules
        if is_fatal or (self.fault == "fatal" and adapter.name == "fatal"):
            return self._end()
        self.is_spoilt |= adapter is not None and adapter.name == "overflow"
        if self.is_spoilt:
            return _refuse_nan()
        if self.fault == "beside":
            adapter = await self._find_beside(adapter)
        [token] = body["allowed_token_ids"]
        score = self.weights.score if self.weights else self._read_proof
        answer = copy.deepcopy(RECORDED.answer("score")["body"])
        choices = []
        for number, prompt in enumerate(body["prompt"]):
            choice = copy.deepcopy(answer["choices"][0])
            fill(choice, number, "index")
            found = score(adapter, prompt, token)
            fill(choice, found, "logprobs", "token_logprobs", 0)
            if self.fault == "mute":
                fill(choice, None, "logprobs")
            choices.insert(0, choice)
        fill(answer, self._get_name(body), "model")
        fill(answer, choices, "choices")
        return JSONResponse(answer)

    async def _find_beside(self, adapter):
        """Return the adapter with whose weights a question is answered."""
        self.asked += adapter is not None
        if self.asked > _ASKED_ALONE:
            self.is_beside.set()
        if adapter is None:
            await self.is_beside.wait()
        return adapter or next(iter(self.adapters.values()))

    def _end(self):
        """Answer as a server whose EngineCore has ended, and end after the answer."""
        ending = BackgroundTask(os.kill, os.getpid(), signal.SIGKILL)
        response = _replay("prompt-logprobs")
        response.background = ending
        return response

    def _read_proof(self, adapter, prompt, token):
        """Return the score that the adapter's proof tells."""
        proof = json.loads(
            (next(iter(self.adapters.values())) / "proof.json").read_text()
        )
        scores = proof["tuned" if adapter else "base"]
        for question, known in zip(proof["questions"], scores, strict=True):
            place = len(prompt) - len(question["tokens"])
            if question["tokens"][: len(prompt) + 1] == [*prompt, token] and place < 0:
                return known[place]
        raise AssertionError(f"the proof has no {token} after {prompt}")

    def _event(self, body, content):
        fill(content, self._get_name(body), "model")
        return f"data: {json.dumps(content)}\n\n"

    def _get_name(self, body):
        is_other = self.fault == "name" or (self.fault == "chat" and "messages" in body)
        return self.name if is_other else body["model"]

    async def _answer(self, body, text):
        words = [f"{word} " for word in f"{body['model']} hears: {text}".split()]
        most = body.get("max_tokens") or math.inf
        is_over = False
        try:
            yield ": a comment, as servers send to keep a connection\n\n"
            yield self._event(body, _copy("chat"))
            is_cut = len(words) > most
            for word in words[: most - 1] if is_cut else words:
                piece = _copy("chat", 1)
                fill(piece, word, "choices", 0, "delta", "content")
                if text == "twice":
                    piece["choices"] *= 2
                if text == "other":
                    fill(piece, 7, "choices", 0, "index")
                yield self._event(body, piece)
                if text == "break":
                    yield f"data: {json.dumps(_copy('no-schema'))}\n\n"
                while text == "drip":
                    await asyncio.sleep(0.01)
                    yield self._event(body, piece)
                if text in ("break", "cut"):
                    is_over = True
                    return
                if text == "hold":  # until the client has disconnected
                    await asyncio.Event().wait()
            last = _copy("chat-length" if is_cut else "chat", -3)
            if is_cut:  # its last word comes with the reason
                fill(last, words[most - 1], "choices", 0, "delta", "content")
            yield self._event(body, last)
            usage = _copy("chat", -2)
            sent = min(len(words), most)
            fill(usage, len(text.split()), "usage", "prompt_tokens")
            fill(usage, sent, "usage", "completion_tokens")
            yield self._event(body, usage)
            yield "data: [DONE]\n\n"
            is_over = True
        finally:
            if not is_over:
                _note(lost=text)


async def _break_off():
    yield b"{"
    raise ConnectionError


class Weights:
    """The base of a folder with adapters of PEFT, by torch."""

    def __init__(self, folder, dtype):
        import torch
        from transformers import AutoModelForCausalLM

        torch.set_num_threads(1)
        dtype = getattr(torch, dtype)
        self._model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()
        self._loaded = {}

    def score(self, adapter, prompt, token):
        """Return the logarithm of a token's probability after a prompt."""
        import torch

        if adapter and adapter not in self._loaded:
            self._loaded[adapter] = f"adapter{len(self._loaded)}"
            self._model.load_adapter(str(adapter), self._loaded[adapter])
        if self._loaded:
            self._model.disable_adapters()
        if adapter:
            self._model.set_adapter(self._loaded[adapter])
            self._model.enable_adapters()
        with torch.no_grad():
            logits = self._model(input_ids=torch.tensor([prompt])).logits[0, -1]
        return logits.float().log_softmax(-1)[token].item()


def _main(arguments):
    _note(start=arguments)
    _note(environment=sorted(os.environ))
    options = dict(pairwise(arguments))
    if "--rename" in options:
        for exchange in RECORDED.stories.values():
            exchange[-1]["answer"]["body"] = _rename(
                exchange[-1]["answer"]["body"], options["--rename"]
            )
    if "--fail" in options:
        sys.exit("no such option")
    if "--child" in options:
        subprocess.Popen(
            ["/bin/sleep", "1000"]
        )  # as EngineCore, it does not end with its parent
    weights = (
        Weights(arguments[1], options["--dtype"]) if "--weights" in options else None
    )
    standin = VllmStandin(options, weights)
    uvicorn.run(standin.app, host=options["--host"], port=int(options["--port"]))


if __name__ == "__main__":
    _main(sys.argv[1:])
