"""Training files at a server of the OpenAI protocol."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import openai

from merlin.adapters import openai_shapes as shapes
from merlin.adapters.openai_errors import provider_errors
from merlin.adapters.openai_pages import pages
from merlin.adapters.openai_wire import Raw, json_object, patience
from merlin.core.clock import utc_now
from merlin.core.errors import ProviderError
from merlin.job.provider import TrainingFile

PURPOSE: Literal["fine-tune"] = "fine-tune"
UPLOAD_S = 600.0
_PAGE = 1000
_GONE = 404


class OpenAIFiles:
    """Fulfils TrainingFiles."""

    def __init__(self, client: openai.OpenAI) -> None:
        self._files = client.files.with_raw_response

    def upload(self, name: str, path: Path) -> TrainingFile:
        size = path.stat().st_size
        # The name holds the digest of the content, and letters that no header may have.
        key = hashlib.sha256(name.encode()).hexdigest()[:32]
        with path.open("rb") as content, provider_errors(creates=True):
            raw = self._files.create(
                file=(name, content, "application/jsonl"),
                purpose=PURPOSE,
                extra_headers={"Idempotency-Key": key},
                timeout=patience(UPLOAD_S),
            )
            return shapes.training_file(json_object(raw), TrainingFile("", name, size, utc_now()))

    def find(self, name: str) -> list[TrainingFile]:
        def ask(cursor: dict[str, str]) -> Raw:
            return self._files.list(purpose=PURPOSE, limit=_PAGE, extra_query=cursor)

        otherwise = TrainingFile("", name, 0, utc_now())
        with provider_errors():
            stored = [
                shapes.training_file(row, otherwise)
                for page in pages(ask)
                for row in page
                if row.get("filename") == name and row.get("purpose", PURPOSE) == PURPOSE
            ]
        return sorted(stored, key=lambda file: (file.created_at, file.file_id))

    def delete(self, file_id: str) -> None:
        try:
            with provider_errors():
                self._files.delete(file_id)
        except ProviderError as refusal:
            if refusal.status != _GONE:
                raise
