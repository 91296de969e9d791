"""The tuned model: listed, told of, asked, and gone when it is deleted; these checks come last."""

from __future__ import annotations

from openai.types.fine_tuning import FineTuningJob

from merlin.adapters.conformance.chat import plain, text_of
from merlin.adapters.conformance.check import check
from merlin.adapters.conformance.jobs import succeeded
from merlin.adapters.conformance.server import Server
from merlin.adapters.conformance.streaming import chunks, words_of
from merlin.adapters.conformance.verdict import GONE, holds, lacking, refusal, same


@check("tuned.list", succeeded)
def listed(server: Server, done: FineTuningJob) -> None:
    """Prove that GET /models has the tuned model."""
    names = [card.id for card in server.sdk.models.list().data]
    holds(done.fine_tuned_model in names, "data", names[:3], str(done.fine_tuned_model))


@check("tuned.retrieve", succeeded)
def retrieve(server: Server, done: FineTuningJob) -> None:
    """Prove that GET /models/{name} tells of the tuned model."""
    with lacking("GET /models/{name}"):
        told = server.sdk.models.retrieve(str(done.fine_tuned_model))
    same("id", told.id, done.fine_tuned_model)


@check("tuned.chat", succeeded, plain)
def chat(server: Server, done: FineTuningJob, _plain: object) -> None:
    """Prove that the tuned model answers under its name."""
    told = server.ask(model=done.fine_tuned_model)
    holds(text_of(told), "choices[0].message.content", text_of(told), '!= ""')
    same("model", told.model, done.fine_tuned_model)


@check("tuned.stream", succeeded, chunks)
def stream(server: Server, done: FineTuningJob, _chunks: object) -> None:
    """Prove that the tuned model answers in a stream."""
    told = server.stream(model=done.fine_tuned_model)
    words = words_of(told)
    holds(words, "delta.content", words, '!= ""')


@check("tuned.delete", succeeded, plain)
def deleted(server: Server, done: FineTuningJob, _plain: object) -> None:
    """Prove that a deleted model is gone from the list, and a chat with it is 404."""
    name = str(done.fine_tuned_model)
    with lacking("DELETE /models/{name}"):
        told = server.sdk.models.delete(name)
    holds(told.deleted, "deleted", told.deleted, "true")
    names = [card.id for card in server.sdk.models.list().data]
    holds(name not in names, "data", name, "–")
    refusal(lambda: server.ask(model=name), GONE)
