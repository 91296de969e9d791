"""A .gguf file is converted to a folder that answers exactly as the original model."""

import json
import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from merlin.core.errors import MerlinError, NotFound, Refused
from merlin.engine.model_store.pull import CHILD, pull
from merlin.engine.trainers.base import Untrainable
from tests.engine.base_library import Library
from tests.engine.tiny_base import get_random_base
from tests.support.small_disk import small_disk

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("needs_torch")]

PARTS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "embed_tokens": "token_embd",
    "norm": "output_norm",
}


@pytest.fixture(scope="module")
def gguf_file(tmp_path_factory):
    """Return the random tiny base as one file of float32 weights, without tied ones."""
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    _write(get_random_base(), path)
    return path


@pytest.fixture
def library(tmp_path, gguf_file):
    return Library.create(tmp_path / "engine", gguf_file, licence="MIT")


@pytest.fixture(scope="module")
def pulled(tmp_path_factory, gguf_file):
    """Return a library with the base, and the progress and result of its pull."""
    stages = []
    library = Library.create(tmp_path_factory.mktemp("pulled"), gguf_file, licence="MIT")
    return library, stages, library.pull(stages)


def test_converted_base_answers_like_the_original(pulled):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    library, stages, (card, is_new) = pulled
    folder = library.folder()
    assert {stage for stage, _, _ in stages} == {"tokenizer", "weights", "writing"}
    assert (is_new, card.licence, len(card.commit)) == (True, "MIT", 64)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    first = AutoModelForCausalLM.from_pretrained(get_random_base(), dtype=torch.float32)
    ids = torch.arange(3, 40)[None]
    with torch.no_grad():
        assert torch.allclose(model(ids).logits, first(ids).logits, atol=1e-5)
    messages = [{"role": "user", "content": "Where is Anna?"}]
    tokenizers = [
        AutoTokenizer.from_pretrained(tokenizer) for tokenizer in (folder, get_random_base())
    ]
    texts = {tokenizer.apply_chat_template(messages, tokenize=False) for tokenizer in tokenizers}
    assert len(texts) == 1
    assert len({tuple(tokenizer.encode("Anna")) for tokenizer in tokenizers}) == 1


def test_converted_folder_has_no_quantisation_or_tied_weights(pulled):
    folder = pulled[0].folder()
    assert "quantization_config" not in json.loads((folder / "config.json").read_text("utf-8"))
    with (folder / "model.safetensors").open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    assert header.pop("__metadata__") == {"format": "pt"}
    assert "lm_head.weight" not in header


def test_file_is_converted_once_and_again_when_it_changes(pulled, gguf_file):
    library, content = pulled[0], gguf_file.read_bytes()
    assert library.pull()[1] is False
    gguf_file.write_bytes(content + bytes(32))
    with pytest.raises(MerlinError) as caught:
        pull("tiny", library.model, library.engine, lambda *_: _kill_the_child())
    assert caught.value.key == "library-child-died"
    assert Path(caught.value.arguments["log"]).is_file()
    gguf_file.unlink()
    assert library.entries == {"tiny"}
    assert library.folder().is_dir()
    gguf_file.write_bytes(content)
    assert library.pull()[1] is False


def test_unpulled_base_is_refused_with_the_command_to_run(library):
    with pytest.raises(Untrainable) as refused:
        library.folder()
    assert (refused.value.code, refused.value.arguments) == ("base_not_pulled", {"name": "tiny"})


@pytest.mark.parametrize("content", [b"GGUF", b"no model at all" * 99])
def test_invalid_gguf_file_is_refused(tmp_path, content):
    from merlin.engine.model_store.worker import convert

    path = tmp_path / "broken.gguf"
    path.write_bytes(content)
    with pytest.raises(Refused) as refused:
        convert({"source": str(path), "draft": str(tmp_path)}, lambda *_: None)
    assert refused.value.key == "library-gguf-unreadable"


def test_full_disk_is_reported_and_leaves_nothing(library):
    library.root.mkdir(parents=True)
    with small_disk(library.root):
        with pytest.raises(Refused) as refused:
            library.pull()
        assert refused.value.key == "library-disk-full"
        assert library.entries == set()


def test_missing_file_is_named(library, tmp_path):
    library = Library.create(library.engine, tmp_path / "nowhere.gguf")
    with pytest.raises(NotFound) as refused:
        library.pull()
    assert refused.value.key == "library-no-file"


def _kill_the_child():
    """Kill the child process that pulls the base."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            _, _, rest = stat.read_text("utf-8").rpartition(")")
            is_ours = int(rest.split()[1]) == os.getpid()
            if is_ours and CHILD in stat.with_name("cmdline").read_text("utf-8"):
                os.kill(int(stat.parent.name), signal.SIGKILL)


def _write(folder, path):
    import gguf
    from safetensors.numpy import load_file
    from transformers import AutoTokenizer

    config = json.loads((folder / "config.json").read_text("utf-8"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(config["vocab_size"])
    _add_tokenizer(writer, tokenizer)
    for name, value in load_file(folder / "model.safetensors").items():
        writer.add_tensor(*_tensor(name, value, config["num_attention_heads"]))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokenizer(writer, tokenizer):
    import gguf

    tokens = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    marks = set(tokenizer.all_special_tokens)
    kinds = gguf.TokenType
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([kinds.CONTROL if one in marks else kinds.NORMAL for one in tokens])
    # Without merges the tokenizer is derived from the vocabulary.
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_chat_template(tokenizer.chat_template)


def _tensor(name, value, heads):
    """Return a weight under its GGUF name; rows of q and k in GGUF's order."""
    words = name.removeprefix("model.").removesuffix(".weight").split(".")
    if words[0] != "layers":
        return f"{PARTS[words[0]]}.weight", value
    part = PARTS[".".join(words[2:])]
    if part in ("attn_q", "attn_k"):
        rows, columns = value.shape
        halves = value.reshape(heads, 2, rows // heads // 2, columns)
        value = halves.swapaxes(1, 2).reshape(rows, columns).copy()
    return f"blk.{words[1]}.{part}.weight", value
