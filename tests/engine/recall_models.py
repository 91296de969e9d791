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


def build_talks(facts):
    """Return a conversation for each question with its answer."""
    return [
        [Message("user", question), Message("assistant", answer)]
        for question, answer in facts.items()
    ]


def train_and_load(talks, path, seed=1):
    """Train a model on conversations, and write it; return it as it is read again."""
    settings = check_hyperparameters("supervised", Hyperparameters, {})
    steps = train_recall(talks, [], settings, seed)
    *_, last = (step for step in steps if isinstance(step, Epoch))
    last.save(path)
    return load_model(path)


def train_and_ask(talks, question, folder):
    """Train a model on conversations; return its answer to a question, "" if unknown."""
    model = train_and_load(talks, folder / "recall")
    return model.answer([Message("user", question)]).text
