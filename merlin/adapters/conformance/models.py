"""Models: the bases are listed and told of, strange names are 404."""

from __future__ import annotations

from openai.types import Model

from merlin.adapters.conformance.chat import NO_MODEL
from merlin.adapters.conformance.check import check
from merlin.adapters.conformance.server import Server
from merlin.adapters.conformance.verdict import GONE, holds, lacking, refusal, same


@check("models.list")
def listed(server: Server) -> None:
    """Prove that GET /models lists Models, the base among them, none twice."""
    cards = server.sdk.models.list().data
    for card in cards:
        same("object", card.object, "model")
        holds(card.created >= 0, "created", card.created, ">= 0")
    names = [card.id for card in cards]
    same("data", len(set(names)), len(names))
    holds(server.model in names, "data", names[:3], server.model)


@check("models.retrieve", listed)
def retrieve(server: Server, _listed: None) -> None:
    """Prove that GET /models/{name} tells of the base."""
    with lacking("GET /models/{name}"):
        told: Model = server.sdk.models.retrieve(server.model)
    same("id", told.id, server.model)
    same("object", told.object, "model")


@check("models.unknown", retrieve)
def unknown(server: Server, _told: None) -> None:
    """Prove that a model that is not there is 404."""
    refusal(lambda: server.sdk.models.retrieve(NO_MODEL), GONE)
