"""A stand-in of vLLM's OpenAI server (0.33.0) with the routes that the engine calls.

It checks what vLLM checks: an adapter that is not loaded gets 404, one loaded twice 400, a folder
without an adapter 404; the routes that load adapters can be disabled. It has no model; its answers
name the model that was requested.
"""

from pathlib import Path

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.engine.openai_standin import Echo, build_error


class VllmStandin:
    """One server; `loaded` are the adapters by name, `echo` has the requests."""

    def __init__(self, *, key="", room=None, may_load=True):
        self.echo = Echo()
        self.loaded = {}
        self.unloaded = []
        self.key, self.room = key, room
        routes = [
            Route("/v1/chat/completions", self._chat, methods=["POST"]),
        ]
        if may_load:
            routes += [
                Route("/v1/load_lora_adapter", self._load, methods=["POST"]),
                Route("/v1/unload_lora_adapter", self._unload, methods=["POST"]),
            ]
        missing = {404: lambda *_: JSONResponse({"detail": "Not Found"}, 404)}
        self.app = Starlette(routes=routes, exception_handlers=missing)

    def forget(self):
        """Simulate a restart: nothing is loaded."""
        self.loaded.clear()

    def _refused(self, request):
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            return JSONResponse({"error": "Unauthorized"}, 401)
        if self.echo.refusals:
            status, headers = self.echo.refusals.pop(0)
            return build_error(status, "the queue is full", "ServiceUnavailableError", **headers)
        return None

    async def _chat(self, request):
        body = await request.json()
        self.echo.requests.append(body)
        if (refused := self._refused(request) or self._invalid(body)) is not None:
            return refused
        return self.echo.stream(body, body.get("model", "the base"))

    def _invalid(self, body):
        name = body.get("model")
        if name is not None and name not in self.loaded:
            text = f"The model `{name}` does not exist. Valid aliases: base."
            return build_error(404, text, "NotFoundError", "model")
        if body.get("top_logprobs") and not body.get("logprobs"):
            text = "when using `top_logprobs`, `logprobs` must be set to true."
            return build_error(400, text, "BadRequestError", "top_logprobs")
        if body.get("stream_options") and not body.get("stream"):
            return build_error(
                400, "Stream options need stream.", "BadRequestError", "stream_options"
            )
        if (count := self.echo.count(body)) > self.echo.window:
            text = (
                f"This model's maximum context length is {self.echo.window} tokens. However, your"
                f" request has {count} input tokens. Please reduce the length of the messages."
            )
            return build_error(400, text, "BadRequestError", "input_tokens")
        return None

    async def _load(self, request):
        body = await request.json()
        if (refused := self._refused(request)) is not None:
            return refused
        name, path = body["lora_name"], Path(body["lora_path"])
        if name in self.loaded:
            text = (
                f"The lora adapter '{name}' has already been loaded. If you want to load the"
                " adapter in place, set 'load_inplace' to True."
            )
            return build_error(400, text, "InvalidUserInput")
        if not (path / "adapter_config.json").exists():
            text = f"Loading lora {name} failed: No adapter found for {path}"
            return build_error(404, text, "NotFoundError")
        if self.room is not None and len(self.loaded) >= self.room:
            text = f"No free lora slots: max_loras is {self.room}"
            return build_error(500, text, "InternalServerError")
        self.loaded[name] = path
        return Response(f"Success: LoRA adapter '{name}' added successfully.")

    async def _unload(self, request):
        name = (await request.json())["lora_name"]
        if name not in self.loaded:
            return build_error(404, f"The lora adapter '{name}' cannot be found.", "NotFoundError")
        del self.loaded[name]
        self.unloaded.append(name)
        return Response(f"Success: LoRA adapter '{name}' removed successfully.")
