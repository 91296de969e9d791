"""A Whisper model with random weights in CTranslate2's format."""

import json

LANGUAGES = ("en", "ru", "de")
_BEFORE = ("<|endoftext|>", "<|startoftranscript|>")
_AFTER = (
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
)
_STAMPS = tuple(f"<|{step * 0.02:.2f}|>" for step in range(1501))
_MELS, _WIDTH = 80, 32
# CTranslate2 treats a Whisper with this token as multilingual.
_OF_MANY_LANGUAGES = ""


def write_whisper(folder):
    """Write the model's folder; takes some seconds."""
    import torch
    from ctranslate2.converters import TransformersConverter
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    source = folder.with_name(f"{folder.name}-source")
    tokens = _tokenizer(source)
    torch.manual_seed(5)
    config = WhisperConfig(
        vocab_size=len(tokens),
        num_mel_bins=_MELS,
        d_model=_WIDTH,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=_WIDTH,
        decoder_ffn_dim=_WIDTH,
        pad_token_id=257,
        bos_token_id=257,
        eos_token_id=257,
        decoder_start_token_id=258,
        suppress_tokens=[],
        begin_suppress_tokens=[],
    )
    model = WhisperForConditionalGeneration(config)
    model.save_pretrained(source)
    (source / "preprocessor_config.json").write_text(json.dumps({"feature_size": _MELS}))
    copied = ["tokenizer.json", "preprocessor_config.json"]
    TransformersConverter(str(source), copy_files=copied).convert(str(folder))
    ids = [tokens.convert_tokens_to_ids(f"<|{name}|>") for name in LANGUAGES]
    document = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**document, "lang_ids": ids}))
    return folder


def _tokenizer(folder):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    special = [*_BEFORE, *(f"<|{name}|>" for name in LANGUAGES), *_AFTER]
    names = [*letters, _OF_MANY_LANGUAGES, *special, *_STAMPS]
    tokenizer = Tokenizer(models.BPE({name: n for n, name in enumerate(names)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    folder.mkdir(parents=True)
    end = "<|endoftext|>"
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=end, unk_token=end)
    fast.save_pretrained(folder)
    return fast
