"""`recall` without an engine: its training and its answers, with the built-in encoder's vectors."""

from merlin.core.encoder import digest_encoder, encode
from merlin.core.messages import Message
from merlin.engine.trainers.base import Epoch, Hyperparameters, check_hyperparameters
from merlin.engine.trainers.recall.model import load_model
from merlin.engine.trainers.recall.train import collect_texts, train


def train_recall(talks, test, settings, seed):
    """Yield what `train` yields."""
    texts = collect_texts(talks, test)
    vectors = dict(zip(texts, encode(texts), strict=True))
    return train(talks, test, settings, seed, (digest_encoder(), vectors))


def train_and_save(talks, path):
    """Train a model on conversations, and write it."""
    settings = check_hyperparameters("supervised", Hyperparameters, {})
    *_, last = (
        step for step in train_recall(talks, [], settings, 1) if isinstance(step, Epoch)
    )
    last.save(path)


def train_and_ask(talks, question, folder):
    """Train a model on conversations; return its answer to a question, "" if unknown."""
    train_and_save(talks, folder / "recall")
    return load_model(folder / "recall").answer([Message("user", question)]).text
