"""/v1/embeddings: texts as vectors, by a base that can."""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.engine.auth import check_model, metered_vectors
from merlin.engine.context import Engine, engine_of
from merlin.engine.files import json_object
from merlin.engine.serving.base import Embedded
from merlin.openai_protocol.errors import bad_field

router = APIRouter()

MOST_TEXTS = 2048
_FORMATS = ("float", "base64")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call to POST /embeddings, read and checked."""

    model: str
    texts: Sequence[str]
    is_base64: bool


@router.post("/embeddings")
async def create(request: Request) -> Response:
    """Return a vector for every text."""
    wanted = wanted_of(await json_object(request))
    engine = engine_of(request)
    await check_model(request, wanted.model)
    if wanted.model not in engine.bases:
        await run_in_threadpool(_refuse_tuned, engine, wanted.model)
    embed = engine.backends.backend_of(wanted.model).embed
    embedded = await metered_vectors(request, wanted.texts, embed)
    return JSONResponse(await run_in_threadpool(embeddings_object, wanted, embedded))


def _refuse_tuned(engine: Engine, name: str) -> None:
    base = engine.repositories.models.get(name)["base"]
    raise bad_field(
        "model", f"A tuned model answers questions alone; embeddings come from bases: {base}"
    )


def wanted_of(asked: Mapping[str, object]) -> Wanted:
    """Read a call's body. Raises ApiError 400 that names the field.

    Source: openapi.yaml, CreateEmbeddingRequest.
    """
    model = asked.get("model")
    if not isinstance(model, str) or not model:
        raise bad_field("model", "you must provide a model parameter")
    if asked.get("dimensions") is not None:
        raise bad_field("dimensions", "dimensions cannot be chosen: a base has as many as it has")
    encoding = asked.get("encoding_format", "float")
    if encoding not in _FORMATS:
        raise bad_field("encoding_format", f"encoding_format must be one of {', '.join(_FORMATS)}")
    return Wanted(model, _texts(asked.get("input")), encoding == "base64")


def _texts(told: object) -> list[str]:
    texts = [told] if isinstance(told, str) else told
    if not isinstance(texts, list) or not 0 < len(texts) <= MOST_TEXTS:
        raise bad_field("input", f"input must be a text or a list of 1 to {MOST_TEXTS} texts")
    if not all(isinstance(text, str) and text for text in texts):
        raise bad_field("input", "input must hold texts that are not empty; tokens are not taken")
    return texts


def embeddings_object(wanted: Wanted, embedded: Embedded) -> dict[str, object]:
    """Return the protocol's CreateEmbeddingResponse; base64 is of little-endian 32 bit floats."""
    vectors, used = embedded
    rows = [
        {
            "object": "embedding",
            "index": number,
            "embedding": _packed(vector) if wanted.is_base64 else vector,
        }
        for number, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": used, "total_tokens": used}
    return {"object": "list", "data": rows, "model": wanted.model, "usage": usage}


def _packed(vector: Sequence[float]) -> str:
    return b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
