"""A stand-in of llama.cpp's server with the routes that the engine calls; also a program.

It checks what llama-server checks: adapters are loaded only at startup and must be GGUF files, and
a request with an unknown adapter id is refused. It has no model; its answers name the active
adapters.

    python llama_standin.py -m base.gguf --host 127.0.0.1 --port 1234 --lora a.gguf,b.gguf
"""

import argparse
import csv
import os
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.engine.openai_standin import Echo, build_embeddings, build_error

MAGIC = b"GGUF"


class LlamaStandin:
    """One server with the adapters of its start; `scale` is the global scale of each."""

    def __init__(self, files=(), *, scale=1.0, key="", can_embed=False):
        self.echo = Echo()
        self.files = [str(file) for file in files]
        self.scale, self.key, self.can_embed = scale, key, can_embed
        routes = [
            Route("/health", self._health),
            Route("/lora-adapters", self._adapters),
            Route("/v1/chat/completions", self._chat, methods=["POST"]),
            Route("/v1/embeddings", self._embed, methods=["POST"]),
        ]
        self.app = Starlette(routes=routes)

    def _health(self, _request):
        return JSONResponse({"status": "ok"})

    def _adapters(self, request):
        adapters = [
            {"id": number, "path": file, "scale": self.scale}
            for number, file in enumerate(self.files)
        ]
        return self._refused(request) or JSONResponse(adapters)

    def _refused(self, request):
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            return build_error(401, "Invalid API Key", "authentication_error")
        return None

    async def _chat(self, request):
        body = await request.json()
        self.echo.requests.append(body)
        scales = {adapter["id"]: adapter["scale"] for adapter in body.get("lora", [])}
        if any(number >= len(self.files) for number in scales):
            return build_error(400, "invalid adapter id", "invalid_request_error")
        if self._refused(request) is not None:
            return self._refused(request)
        if (count := self.echo.count(body)) > self.echo.window:
            text = f"the request exceeds the available context size, try increasing it ({count})"
            return build_error(400, text, "exceed_context_size_error")
        return self.echo.stream(body, self._name(scales))

    def _name(self, scales):
        """Return the names of the active adapters; without scales the global ones apply."""
        default = 0.0 if scales else self.scale
        active = [
            Path(file).stem for number, file in enumerate(self.files) if scales.get(number, default)
        ]
        return "+".join(active) or "the base"

    async def _embed(self, request):
        if not self.can_embed:
            text = "This server does not support embeddings. Start it with `--embeddings`"
            return build_error(501, text, "not_supported_error")
        return JSONResponse(build_embeddings(await request.json()))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-m", type=Path, required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("-c", type=int)
    parser.add_argument("--lora", default="")
    parser.add_argument("--lora-init-without-apply", action="store_true")
    parser.add_argument("--embeddings", action="store_true")
    arguments = parser.parse_args()
    files = next(csv.reader([arguments.lora]), [])
    for file in [arguments.m, *map(Path, files)]:
        if not file.is_file() or not file.read_bytes().startswith(MAGIC):
            sys.exit(f"error: failed to load {file}")
    scale = 0.0 if arguments.lora_init_without_apply else 1.0
    key = os.environ.get("LLAMA_API_KEY", "")
    standin = LlamaStandin(files, scale=scale, key=key, can_embed=arguments.embeddings)
    uvicorn.run(
        standin.app, host=arguments.host, port=arguments.port, log_config=None, lifespan="off"
    )


if __name__ == "__main__":
    main()
