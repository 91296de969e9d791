"""Checks of models and files: listed and read, what cannot be used is refused."""

from __future__ import annotations

from typing import Any

from openai.types import FileObject, Model

from merlin.engine.conformance import harness
from merlin.engine.conformance.chat import NO_MODEL
from merlin.engine.conformance.harness import (
    BAD,
    GONE,
    Missing,
    Server,
    check,
    check_paging,
    optional_call,
    require,
    require_equal,
    require_refusal,
)


@check("models.list")
def list_models(server: Server) -> None:
    """Prove that GET /models lists Models, the base among them, none twice."""
    cards = server.sdk.models.list().data
    for card in cards:
        require_equal("object", card.object, "model")
        require(card.created >= 0, "created", card.created, ">= 0")
    names = [card.id for card in cards]
    require_equal("data", len(set(names)), len(names))
    require(server.model in names, "data", names[:3], server.model)


@check("models.retrieve", list_models)
def retrieve_model(server: Server, _listed: None) -> None:
    """Prove that GET /models/{name} tells of the base."""
    with optional_call("GET /models/{name}"):
        told: Model = server.sdk.models.retrieve(server.model)
    require_equal("id", told.id, server.model)
    require_equal("object", told.object, "model")


@check("models.unknown", retrieve_model)
def unknown_model(server: Server, _told: None) -> None:
    """Prove that a model that is not there is 404."""
    require_refusal(lambda: server.sdk.models.retrieve(NO_MODEL), GONE)


NAME = "merlin-проверка-train.jsonl"
PURPOSE = "fine-tune"
_NO_FILE = "file-0000000000000000deadbeef"


def upload(server: Server, content: bytes, name: str = NAME, purpose: Any = PURPOSE) -> FileObject:
    """Upload a training file, to be deleted at the end."""
    with optional_call("POST /files"):
        made = server.sdk.files.create(file=(name, content), purpose=purpose)
    server.undo_at_end("DELETE", f"/files/{made.id}")
    return made


@check("files.upload")
def uploaded(server: Server) -> FileObject:
    """Prove that POST /files answers an OpenAIFile with the size that was sent."""
    content = harness.training_file(harness.FEW)
    made = upload(server, content)
    require_equal("object", made.object, "file")
    require_equal("purpose", made.purpose, PURPOSE)
    require_equal("bytes", made.bytes, len(content))
    require(made.created_at > 0, "created_at", made.created_at, "> 0")
    return made


@check("files.name", uploaded)
def name(_server: Server, made: FileObject) -> None:
    """Prove that a file's name comes back as it was sent, Russian letters too."""
    require_equal("filename", made.filename, NAME)


@check("files.retrieve", uploaded)
def retrieve_file(server: Server, made: FileObject) -> None:
    """Prove that GET /files/{id} tells of the same file."""
    told = server.sdk.files.retrieve(made.id)
    require_equal("id", told.id, made.id)
    require_equal("bytes", told.bytes, made.bytes)


@check("files.content", uploaded)
def content(server: Server, made: FileObject) -> None:
    """Prove that GET /files/{id}/content returns the bytes as they were sent."""
    with optional_call("GET /files/{id}/content"):
        told = server.sdk.files.content(made.id).content
    require_equal("content", told, harness.training_file(harness.FEW))


@check("files.list", uploaded)
def list_files(server: Server, made: FileObject) -> None:
    """Prove that GET /files has the new file."""
    with optional_call("GET /files"):
        ids = [each.id for each in server.sdk.files.list(limit=100, order="desc").data]
    require(made.id in ids, "data", ids[:3], made.id)


@check("files.filter", list_files, uploaded)
def filtered(server: Server, _listed: None, made: FileObject) -> None:
    """Prove that `purpose` lists the files of that purpose alone."""
    ids = [each.id for each in server.sdk.files.list(purpose=PURPOSE, limit=100).data]
    require(made.id in ids, "data", ids[:3], made.id)
    others = server.sdk.files.list(purpose="batch", limit=100).data
    if made.id in [each.id for each in others]:
        raise Missing("unheeded", what="purpose=batch")


@check("files.paging", list_files)
def paging(server: Server, _listed: None) -> None:
    """Prove that `limit` and `after` give every file once."""
    upload(server, harness.training_file(harness.FEW + 1))
    check_paging(server.sdk.files.list, 1)


@check("files.unknown", uploaded)
def unknown_file(server: Server, _run_check: FileObject) -> None:
    """Prove that a file that is not there is 404."""
    require_refusal(lambda: server.sdk.files.retrieve(_NO_FILE), GONE)


@check("files.purpose", uploaded)
def bad_purpose(server: Server, _run_check: FileObject) -> None:
    """Prove that an upload for a purpose that there is not is refused."""
    content = harness.training_file(harness.FEW)
    require_refusal(lambda: upload(server, content, purpose="no-such-purpose"), BAD)


@check("files.not_jsonl", uploaded)
def not_jsonl(server: Server, _run_check: FileObject) -> None:
    """Prove that a file to train on whose name does not end with .jsonl is refused at once."""
    require_refusal(lambda: upload(server, b"question,answer\n", "examples.csv"), BAD)


@check("files.delete", uploaded)
def deleted(server: Server, _run_check: FileObject) -> None:
    """Prove that a deleted file is gone: DELETE says so, GET is 404."""
    spare = upload(server, harness.training_file(harness.FEW + 2))
    with optional_call("DELETE /files/{id}"):
        told = server.sdk.files.delete(spare.id)
    require(told.deleted, "deleted", told.deleted, "true")
    require_equal("id", told.id, spare.id)
    require_refusal(lambda: server.sdk.files.retrieve(spare.id), GONE)
