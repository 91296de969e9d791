"""Counting tokens offline with the vocabulary of the package."""

import hashlib
import random
import subprocess
import sys
import zlib
from base64 import b64encode

import pytest

from merlin.core.messages import Message
from merlin.dataset import tokens

pytestmark = pytest.mark.unit

# Source: tiktoken 0.14, tiktoken_ext/openai_public.py, the expected hash of o200k_base.
PUBLISHED_SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"

# The example of openai-cookbook, "How to count tokens with tiktoken".
COOKBOOK = (
    Message(
        "system",
        "You are a helpful, pattern-following assistant that translates corporate jargon into "
        "plain English.",
    ),
    Message(
        "system",
        "New synergies will help drive top-line growth.",
        {"name": "example_user"},
    ),
    Message(
        "system",
        "Things working well together will increase revenue.",
        {"name": "example_assistant"},
    ),
    Message(
        "system",
        "Let's circle back when we have more bandwidth to touch base on opportunities for "
        "increased leverage.",
        {"name": "example_user"},
    ),
    Message(
        "system",
        "Let's talk later when we're less busy about how to do better.",
        {"name": "example_assistant"},
    ),
    Message(
        "user",
        "This late pivot means we don't have time to boil the ocean for the client deliverable.",
    ),
)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 0),
        ("hello world", 2),
        ("Привет, мир!", 5),
        ("<|endoftext|>", 7),
        ("\n\n", 1),
    ],
)
def test_text_has_the_vocabularys_number_of_tokens(text, number):
    assert tokens.count_tokens(text) == number


def test_cookbook_conversation_has_the_cookbooks_count():
    assert tokens.count_messages(COOKBOOK) == 124


def test_weights_add_no_tokens_and_tools_do():
    plain = (Message("user", "Сколько?"), Message("assistant", "Семь."))
    weighted = (plain[0], Message("assistant", "Семь.", {"weight": 0}))
    assert tokens.count_messages(weighted) == tokens.count_messages(plain)
    tool = {"type": "function", "function": {"name": "count"}}
    assert tokens.count_messages(plain, (tool,)) > tokens.count_messages(plain)


def test_count_by_words_is_that_of_the_whole_text():
    rng = random.Random(1)  # noqa: S311 - repeatable on purpose
    letters = "aЯя.,/\n\r\t\u00a0\u3000\x1c 05²_«…😀\u0301\u200dǅ漢'"
    pieces = [*(" " * 8), *letters, "'s", "the", "\r\n"]
    texts = ["".join(rng.choices(pieces, k=rng.randint(0, 12))) for _ in range(3000)]
    whole = [
        len(tokens) for tokens in tokens.load_vocabulary().encode_ordinary_batch(texts)
    ]
    assert [tokens.count_tokens(text) for text in texts] == whole


@pytest.mark.parametrize("letter", [" ", "a", "я"])
def test_million_equal_letters_are_counted(letter):
    assert 0 < tokens.count_tokens(letter * 1_000_000) < 1_000_000


def test_vocabulary_is_the_published_one():
    ranks = tokens.load_vocabulary()._mergeable_ranks
    lines = b"".join(
        b"%s %d\n" % (b64encode(word), rank) for word, rank in ranks.items()
    )
    assert hashlib.sha256(lines).hexdigest() == PUBLISHED_SHA256


def test_damaged_vocabulary_is_refused(tmp_path):
    damaged = tmp_path / "o200k_base.zlib"
    damaged.write_bytes(zlib.compress(b"\x01!"))
    with pytest.raises(RuntimeError, match="install Merlin again"):
        tokens.load_vocabulary(damaged)


def test_counting_needs_no_network_and_writes_no_cache(tmp_path):
    script = (
        "import socket, sys\n"
        "def refuse(*_): raise SystemExit('network')\n"
        "socket.socket.connect = refuse\n"
        "from merlin.dataset.tokens import count_tokens\n"
        "print(count_tokens('hello world'))\n"
    )
    environment = {
        "TMPDIR": str(tmp_path),
        "HOME": str(tmp_path),
        "PYTHONPATH": ":".join(sys.path),
    }
    completed = subprocess.run(
        [sys.executable, "-B", "-c", script],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (completed.stdout, completed.stderr) == ("2\n", "")
    assert list(tmp_path.iterdir()) == []
