"""A tiny sentence encoder that knows a few synonyms, trained from word co-occurrences.

In its corpus all words of a group have the same neighbours, so synonyms get the same vector: the
singular vectors of the counts, as in "Neural word embedding as implicit matrix factorization"
(Levy, Goldberg, 2014). A text's vector is the mean of its words' vectors.
"""

import json
from importlib.util import find_spec

import numpy as np
import pytest

from merlin.config.engine import EngineModelConfig
from tests.support.machine import skip_or_fail

NAME = "tiny-encoder"
NEIGHBOURS = 6
# A trained question, its answer, and a paraphrase that shares no word with the question.
SYNONYMS = [
    ("Сколько стоит билет?", "Двести рублей.", "Почём пропуск?"),
    ("Где купить еду?", "В буфете на первом этаже.", "Место, чтобы приобрести продукты"),
    ("Когда открывается музей?", "В десять утра.", "Время начала галереи"),
    ("Как вызвать врача?", "Позвоните на пост охраны.", "Позвать доктора"),
    ("Кто водит автобус?", "Иван Петрович.", "Шофёр маршрутки"),
    ("Почему закрыт сад?", "Там сажают деревья.", "Из-за чего не пускают в парк?"),
    ("Чем кормить собаку?", "Сухим кормом.", "Рацион щенка"),
    ("Как починить кран?", "Вызовите сантехника.", "Ремонт смесителя"),
    ("Какой пароль от сети?", "Он на стойке.", "Код доступа в интернет"),
    ("Можно ли фотографировать картины?", "Можно, но без вспышки.", "Разрешены снимки полотен?"),
]
GROUPS = [
    *("стоит почём", "билет пропуск", "купить приобрести", "еду продукты", "открывается начала"),
    *("музей галереи", "вызвать позвать", "врача доктора", "водит шофёр", "автобус маршрутки"),
    *("закрыт пускают", "сад парк", "кормить рацион", "собаку щенка", "починить ремонт"),
    *("кран смесителя", "пароль код", "сети интернет", "фотографировать снимки"),
    *("картины полотен", "можно разрешены", "где место", "когда время"),
]
STRANGERS = ("Какая завтра погода?", "Посоветуй хороший фильм", "Сколько звёзд на небе?")


def needs_encoder():
    """Skip a test without the runtime; fail where everything is required."""
    missing = [name for name in ("onnxruntime", "tokenizers") if find_spec(name) is None]
    skip_or_fail(f"run `make engine`: not installed are {', '.join(missing)}" if missing else None)


def train_word_vectors(columns=32):
    """Return {word: vector}; the words of a group have the same neighbours in the corpus."""
    corpus = [
        (word, f"neighbour{group}-{number}")
        for group, words in enumerate(GROUPS)
        for word in words.split()
        for number in range(NEIGHBOURS)
    ]
    words, rows = np.unique([word for word, _ in corpus], return_inverse=True)
    near, places = np.unique([near for _, near in corpus], return_inverse=True)
    counts = np.zeros((len(words), len(near)))
    np.add.at(counts, (rows, places), 1)
    left, lengths, _ = np.linalg.svd(counts, full_matrices=False)
    return dict(zip(words, (left * lengths)[:, :columns].astype(np.float32), strict=True))


def _make_tokenizer(words):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    vocabulary = {word: number for number, word in enumerate(["[UNK]", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = (
        normalizers.Lowercase(),
        pre_tokenizers.Whitespace(),
    )
    return tokenizer


def _make_table(words, columns):
    return np.stack(
        [np.zeros(columns, np.float32), *(vector[:columns] for vector in words.values())]
    )


def onnx_encoder(folder, columns=24):
    """Write the encoder as an ONNX file with its tokenizer, in sentence-transformers' layout."""
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    (folder / "1_Pooling").mkdir(exist_ok=True)
    words = train_word_vectors()
    _make_tokenizer(words).save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": 64}))
    (folder / "1_Pooling/config.json").write_text(json.dumps({"pooling_mode_mean_tokens": True}))
    (folder / "onnx/model.onnx").write_bytes(_make_lookup_model(_make_table(words, columns)))
    return folder


def transformers_encoder(folder):
    """Write the encoder as a transformer without layers."""
    import torch
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = train_word_vectors()
    table = torch.tensor(_make_table(words, 24))
    sizes = {"vocab_size": len(table), "hidden_size": 24, "num_hidden_layers": 0}
    config = BertConfig(**sizes, num_attention_heads=2, max_position_embeddings=64)
    model = BertModel(config, add_pooling_layer=False)
    with torch.no_grad():
        for parameter in model.embeddings.parameters():
            parameter.zero_()
        model.embeddings.word_embeddings.weight.copy_(table)
        model.embeddings.LayerNorm.weight.fill_(1.0)
    model.save_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=_make_tokenizer(words), unk_token="[UNK]")
    tokenizer.save_pretrained(folder)
    return folder


def build_config(folder, **options):
    """Return the configuration of an encoder in a folder, as in `engine.models`."""
    return EngineModelConfig(path=str(folder), embeddings=True, **{"backend": "onnx", **options})


# ONNX's protobuf encoding, written without the package onnx. Source: onnx/onnx.proto.
_FLOAT, _INT64 = 1, 7


def _make_lookup_model(table):
    """Return an ONNX model that looks up each of `input_ids` in a table."""
    names = (
        _encode_text(1, "table")
        + _encode_text(1, "input_ids")
        + _encode_text(2, "last_hidden_state")
    )
    node = names + _encode_text(4, "Gather")
    dims = b"".join(_encode_number(1, size) for size in table.shape)
    tensor = (
        dims
        + _encode_number(2, _FLOAT)
        + _encode_text(8, "table")
        + _encode_bytes(9, table.tobytes())
    )
    input_ids = _make_value_info("input_ids", _INT64, "texts", "tokens")
    output = _make_value_info("last_hidden_state", _FLOAT, "texts", "tokens", table.shape[1])
    graph = (
        _encode_bytes(1, node)
        + _encode_text(2, "g")
        + _encode_bytes(5, tensor)
        + _encode_bytes(11, input_ids)
    )
    return (
        _encode_number(1, 8)
        + _encode_bytes(7, graph + _encode_bytes(12, output))
        + _encode_bytes(8, _encode_number(2, 17))
    )


def _make_value_info(name, kind, *sizes):
    dims = [
        _encode_number(1, size) if isinstance(size, int) else _encode_text(2, size)
        for size in sizes
    ]
    shape = b"".join(_encode_bytes(1, dim) for dim in dims)
    return _encode_text(1, name) + _encode_bytes(
        2, _encode_bytes(1, _encode_number(1, kind) + _encode_bytes(2, shape))
    )


def _encode_bytes(field, content):
    return _encode_varint(field << 3 | 2) + _encode_varint(len(content)) + content


def _encode_text(field, content):
    return _encode_bytes(field, content.encode())


def _encode_number(field, value):
    return _encode_varint(field << 3) + _encode_varint(value)


def _encode_varint(value):
    has_more, value = value >> 7, value & 0x7F
    return bytes([value | 0x80]) + _encode_varint(has_more) if has_more else bytes([value])


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory):
    """Return the folder of the ONNX encoder, which tests must not change."""
    needs_encoder()
    return onnx_encoder(tmp_path_factory.mktemp("encoder"))
