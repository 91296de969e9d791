"""`recall`: a small classifier from questions to trained answers, trained in seconds on a CPU.

It selects a trained answer by the words and the meaning of a question, or answers "unknown"; it
never generates text. Heavy imports (numpy, the encoder, the dictionaries) are lazy.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, ClassVar

from merlin.core.messages import Message
from merlin.engine.encoder_files import digest_encoder
from merlin.engine.trainers.base import (
    SUPERVISED,
    Conversation,
    Epoch,
    Hyperparameters,
    Progress,
    ResolvedHyperparameters,
    Task,
    Untrainable,
    check_hyperparameters,
)
from merlin.engine.trainers.recall.encoder import (
    digest_built_in,
    digest_text,
    encode,
    read_vectors,
    write_vectors,
)
from merlin.engine.training_file import read_conversations
from merlin.openai_protocol.errors import ApiError

if TYPE_CHECKING:
    from merlin.engine.serving.base import Backend
    from merlin.engine.trainers.recall.draws import Floats

TEXTS_AT_ONCE = 64
# The encoder takes a second for a thousand texts: a larger file is trained on its words alone.
MAX_TEXTS = 5_000


@dataclass(frozen=True, slots=True)
class RecallAnswer:
    """The answer of a model: `text` is empty if unknown; `confidence` is 0..1.

    `nearest` are similar trained questions if the answer is unknown, best first. `is_follow_up`:
    the question has no content of its own, and this follow-up was not trained.
    """

    text: str
    confidence: float
    known: bool
    nearest: Sequence[str] = ()
    is_follow_up: bool = False


class RecallTrainer:
    """The Trainer for `recall`: seconds in this process, restarted after a kill.

    `folder` is for the vectors of the encoder, so that a training encodes only new texts.
    """

    hyperparameters: ClassVar = {SUPERVISED: Hyperparameters}
    max_texts: ClassVar[float] = MAX_TEXTS

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def train(self, task: Task) -> Generator[Progress, None, None]:
        """Encode new texts, then train on every answered turn; see `recall.train`."""
        from merlin.engine.trainers.recall.train import collect_texts, train  # noqa: PLC0415 - loads numpy

        conversations = list(read_conversations(task.train))
        test = list(read_conversations(task.test, least=1)) if task.test else []
        yield ResolvedHyperparameters(task.hyperparameters)
        texts = collect_texts(conversations, test)
        if len(texts) > self.max_texts:
            yield from train(conversations, test, task.hyperparameters, task.seed)
            return
        encoder = self._digest_encoder(task)
        # Files without the number can have vectors of other texts (texts asked before a training).
        path = self._folder / f"{encoder}-2.npz"
        cached = read_vectors(path)
        missing = sorted((text for text in texts if digest_text(text) not in cached), key=len)
        try:
            for part, vectors in self._encode(missing):
                cached.update(zip(map(digest_text, part), vectors, strict=True))
                yield None
        finally:  # a stopped job resumes from the stored ones
            if missing and cached:
                write_vectors(path, cached)
        vectors_by_text = {text: cached[digest_text(text)] for text in texts}
        yield from train(
            conversations, test, task.hyperparameters, task.seed, (encoder, vectors_by_text)
        )

    def _digest_encoder(self, task: Task) -> str:  # noqa: ARG002 - for other encoders
        return digest_built_in()

    def _encode(self, texts: Sequence[str]) -> Iterator[tuple[Sequence[str], Sequence[Floats]]]:
        """Yield batches of distinct texts with their float16 vectors. Raises Untrainable."""
        for first in range(0, len(texts), TEXTS_AT_ONCE):
            part = texts[first : first + TEXTS_AT_ONCE]
            yield part, encode(part)


class EmbedTrainer(RecallTrainer):
    """The Trainer for another sentence encoder, which is frozen.

    It is a base with `embeddings: true`, whose `name` this is, and maps each text to one vector.
    Its backend computes the vectors, in a process that is closed afterwards.
    """

    max_texts = math.inf

    def __init__(self, name: str, backend: Callable[[], Backend], folder: Path) -> None:
        super().__init__(folder)
        self._name = name
        self._backend = backend

    def _digest_encoder(self, task: Task) -> str:
        if task.base is None:
            raise TypeError("an encoder has files")
        return digest_encoder(task.base.folder)

    def _encode(self, texts: Sequence[str]) -> Iterator[tuple[Sequence[str], Sequence[Floats]]]:
        import numpy as np  # noqa: PLC0415 - at the first training

        if not texts:
            return
        with asyncio.Runner() as runner:
            backend = self._backend()
            try:
                for first in range(0, len(texts), TEXTS_AT_ONCE):
                    part = texts[first : first + TEXTS_AT_ONCE]
                    vectors, _tokens = runner.run(backend.embed(part))
                    # float16 as stored: removes differences due to the batch.
                    yield part, list(np.array(vectors, np.float16))
            except ApiError as error:
                arguments = {"name": self._name, "reason": str(error)}
                raise Untrainable(
                    "base_unusable", "engine-encoder-fails", "model", **arguments
                ) from error
            finally:
                runner.run(backend.close())


_SEED = 1


def train_and_answer(task: tuple[Sequence[Conversation], Sequence[str]]) -> list[str]:
    """Train a model on conversations and return its answer to each question, "" if unknown.

    Takes two seconds of CPU time for 100 conversations, ten for 4,000. Raises Untrainable if
    there are too many turns.
    """
    from merlin.engine.trainers.recall.model import load_model  # noqa: PLC0415 - loads numpy
    from merlin.engine.trainers.recall.sentences import select_texts  # noqa: PLC0415 - as above
    from merlin.engine.trainers.recall.train import collect_texts, train  # noqa: PLC0415 - as above

    conversations, questions = task
    settings = check_hyperparameters(SUPERVISED, Hyperparameters, {})
    try:
        texts = collect_texts(conversations, [])
        encoder = None
        if len(texts) <= MAX_TEXTS:
            encoder = digest_built_in(), dict(zip(texts, encode(texts), strict=True))
        steps = train(conversations, [], settings, _SEED, encoder)
        *_, last = (event for event in steps if isinstance(event, Epoch))
    except Untrainable as error:
        if error.arguments["n"]:
            raise
        return [""] * len(questions)  # there is nothing to train on
    with TemporaryDirectory(prefix="merlin-") as folder:
        path = Path(folder) / "model"
        last.save(path)
        model = load_model(path)
    asked = [model.correct_spelling([Message("user", question)]) for question in questions]
    return [
        model.answer(messages, encode(select_texts(messages)) if model.encoder else ()).text
        for messages in asked
    ]
