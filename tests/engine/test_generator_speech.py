"""Tokens to text for both kinds of vocabularies: byte-level and byte-fallback."""

import pytest

from tests.engine.backends_asked import ignore_warnings

pytestmark = [pytest.mark.functional, pytest.mark.usefixtures("needs_torch")]

TEXTS = [
    "In room 44.",
    "Где Анна? В комнате 7.",
    "日本語と🙂🏳️‍🌈 mixed",
    ' {"a": [1, "ы"]}\n',
    "  two  spaces",
]


def byte_level():
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    signs = ["<|end|>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE({sign: n for n, sign in enumerate(signs)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def byte_fallback():
    """Return a vocabulary of sentencepiece's kind: ▁ for a space, <0xNN> for other bytes."""
    from tokenizers import Tokenizer, decoders, models, normalizers

    signs = ["<|end|>", "▁", *(f"<0x{byte:02X}>" for byte in range(256)), *'{}[]":,.0123456789']
    vocabulary = {sign: n for n, sign in enumerate([*signs, *"abcdefghijklmnopqrstuvwxyzI"])}
    tokenizer = Tokenizer(
        models.BPE(vocabulary, merges=[], byte_fallback=True, unk_token="<|end|>")
    )
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    return tokenizer


@pytest.fixture(params=[byte_level, byte_fallback])
def tokenizer(request):
    with ignore_warnings():
        from transformers import PreTrainedTokenizerFast

        return PreTrainedTokenizerFast(tokenizer_object=request.param(), eos_token="<|end|>")


@pytest.mark.parametrize("text", TEXTS)
def test_pieces_join_to_the_text_and_never_split_a_character(tokenizer, text):
    from merlin.engine.serving.worker.detokenizer import Detokenizer

    speech = Detokenizer(tokenizer)
    pieces = [speech.add(token) for token in tokenizer.encode(text)]
    assert "".join([*pieces, speech.flush()]) == text
    assert not any("�" in piece for piece in pieces)


@pytest.mark.parametrize("text", TEXTS)
def test_incomplete_last_character_is_dropped(tokenizer, text):
    from merlin.engine.serving.worker.detokenizer import Detokenizer

    tokens = tokenizer.encode(text + "ы")[:-1]
    speech = Detokenizer(tokenizer)
    assert "".join([*map(speech.add, tokens), speech.flush()]) == text


@pytest.mark.parametrize("text", TEXTS)
def test_bytes_of_the_tokens_are_those_of_the_text(tokenizer, text):
    from merlin.engine.serving.worker.detokenizer import TokenBytes

    spelling = TokenBytes(tokenizer)
    assert b"".join(map(spelling.get_bytes, tokenizer.encode(text))) == text.encode()
    assert spelling.get_bytes(tokenizer.eos_token_id) == b""
