"""One account at one server of the OpenAI protocol: its files, its jobs, its models.

One call is one request; nothing is tried twice here. Answers are read from their JSON, not
from the SDK's classes, which let wrong kinds of values through.
"""

from __future__ import annotations

from typing import Self

from merlin.adapters import openai_shapes as shapes
from merlin.adapters.openai_errors import provider_errors
from merlin.adapters.openai_files import OpenAIFiles
from merlin.adapters.openai_jobs import Dialect, OpenAIJobs
from merlin.adapters.openai_wire import json_object, sync_client
from merlin.core.errors import ProviderError
from merlin.job.provider import ModelCard

_GONE = 404


class OpenAIProvider:
    """`files` fulfils TrainingFiles, `jobs` FineTuneJobs, the provider itself ModelList."""

    def __init__(
        self,
        base_url: str,
        credential: str,
        dialect: Dialect = "openai",
        timeout_s: float = 60.0,
        language: str = "",
    ) -> None:
        """Take one entry of `providers` in config.yaml; no call is made yet.

        `timeout_s` is the whole of one call; an upload has ten minutes. `language` is that of
        whoever reads why a job failed, "" whatever the server speaks.
        """
        self._client = sync_client(base_url, credential, timeout_s, keep=0, language=language)
        self.files = OpenAIFiles(self._client)
        self.jobs = OpenAIJobs(self._client, dialect)

    def models(self) -> list[ModelCard]:
        with provider_errors():
            listed = json_object(self._client.models.with_raw_response.list())
            return [shapes.model_card(row) for row in shapes.rows(listed)]

    def delete(self, model_id: str) -> None:
        try:
            with provider_errors():
                self._client.models.delete(model_id)
        except ProviderError as refusal:
            if refusal.status != _GONE:
                raise

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
