"""`recall` without an engine: its training and its answers, with the built-in encoder's vectors."""

from merlin.engine.trainers.recall.encoder import digest_built_in, encode
from merlin.engine.trainers.recall.sentences import select_texts
from merlin.engine.trainers.recall.train import collect_texts, train


def train_recall(talks, test, settings, seed):
    """Yield what `train` yields."""
    texts = collect_texts(talks, test)
    vectors = dict(zip(texts, encode(texts), strict=True))
    return train(talks, test, settings, seed, (digest_built_in(), vectors))


def answer(model, messages):
    """Return the model's answer to the last question."""
    messages = model.correct_spelling(messages)
    return model.answer(messages, encode(select_texts(messages)))
