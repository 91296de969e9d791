"""Tokens to text for both great families of vocabularies: bytes as letters, bytes in brackets."""

from __future__ import annotations

import pytest

from tests.engine.backends_asked import quiet

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
    made = Tokenizer(models.BPE({sign: n for n, sign in enumerate(signs)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return made


def byte_fallback():
    """Return a vocabulary as sentencepiece makes them: ▁ for a space, <0xNN> for other bytes."""
    from tokenizers import Tokenizer, decoders, models, normalizers

    signs = ["<|end|>", "▁", *(f"<0x{byte:02X}>" for byte in range(256)), *'{}[]":,.0123456789']
    vocabulary = {sign: n for n, sign in enumerate([*signs, *"abcdefghijklmnopqrstuvwxyzI"])}
    made = Tokenizer(models.BPE(vocabulary, merges=[], byte_fallback=True, unk_token="<|end|>"))
    made.normalizer = normalizers.Replace(" ", "▁")
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    return made


@pytest.fixture(params=[byte_level, byte_fallback])
def tokenizer(request):
    with quiet():
        from transformers import PreTrainedTokenizerFast

        return PreTrainedTokenizerFast(tokenizer_object=request.param(), eos_token="<|end|>")


@pytest.mark.parametrize("text", TEXTS)
def test_text_comes_back_whole_and_never_half_a_character(tokenizer, text):
    from merlin.engine.serving.worker.detokenizer import Detokenizer

    speech = Detokenizer(tokenizer)
    pieces = [speech.add(token) for token in tokenizer.encode(text)]
    assert "".join([*pieces, speech.flush()]) == text
    assert not any("�" in piece for piece in pieces)


@pytest.mark.parametrize("text", TEXTS)
def test_half_a_character_at_the_end_is_left_out(tokenizer, text):
    from merlin.engine.serving.worker.detokenizer import Detokenizer

    tokens = tokenizer.encode(text + "ы")[:-1]
    speech = Detokenizer(tokenizer)
    assert "".join([*map(speech.add, tokens), speech.flush()]) == text


@pytest.mark.parametrize("text", TEXTS)
def test_the_bytes_of_the_tokens_are_those_of_the_text(tokenizer, text):
    from merlin.engine.serving.worker.detokenizer import TokenBytes

    spelling = TokenBytes(tokenizer)
    assert b"".join(map(spelling.bytes_of, tokenizer.encode(text))) == text.encode()
    assert spelling.bytes_of(tokenizer.eos_token_id) == b""
    assert all(spelling.bytes_of(spelling.single(byte)) == bytes([byte]) for byte in b'{}":0')
