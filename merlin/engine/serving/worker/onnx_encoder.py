"""The worker's loop for an ONNX encoder: embeddings with onnxruntime on the CPU, without torch.

Source: sentence-transformers' ONNX export: inputs `input_ids`, `attention_mask` and optionally
`token_type_ids`; output `last_hidden_state`, or `sentence_embedding` if the file includes the
pooling.
"""

import os
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from merlin.engine.child_process import EnginePipe
from merlin.engine.encoder_files import find_onnx, takes_first_token
from merlin.engine.machine import read_resident_bytes
from merlin.engine.serving.base import Setup, build_refusal_line, input_length_error
from merlin.openai_protocol.errors import ApiError

WINDOW = 512
_AT_ONCE = 32
_POOLED_OUTPUT = "sentence_embedding"


class OnnxEncoder:
    """An encoder in memory."""

    def __init__(self, setup: Setup) -> None:
        """Load the encoder of a folder; exceptions of the libraries pass through."""
        import onnxruntime  # noqa: PLC0415 - once the engine's end is watched
        from tokenizers import Tokenizer  # noqa: PLC0415 - as above

        folder = Path(setup.folder)
        options = onnxruntime.SessionOptions()
        # One core is left to the engine, because each operation waits for the slowest thread.
        options.intra_op_num_threads = self.threads = max(1, len(os.sched_getaffinity(0)) - 1)
        cpu = ["CPUExecutionProvider"]
        self._session = onnxruntime.InferenceSession(str(find_onnx(folder)), options, providers=cpu)
        self._input_names = {input_.name for input_ in self._session.get_inputs()}
        names = [output.name for output in self._session.get_outputs()]
        self._output_name = _POOLED_OUTPUT if _POOLED_OUTPUT in names else names[0]
        self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._takes_first = takes_first_token(folder)
        self.window = setup.context or WINDOW

    def embed(self, texts: Sequence[str]) -> tuple[Iterator[list[float]], int]:
        """Return normalised vectors and the token count. Raises ApiError over the window."""
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        longest = max(map(len, tokens), default=0)
        if longest > self.window:
            raise input_length_error(self.window, longest)
        parts = (tokens[first : first + _AT_ONCE] for first in range(0, len(tokens), _AT_ONCE))
        return (row for part in parts for row in self._compute_vectors(part)), sum(map(len, tokens))

    def _compute_vectors(self, tokens: Sequence[Sequence[int]]) -> list[list[float]]:
        longest = max(1, *map(len, tokens))
        ids = np.array([[*row, *[0] * (longest - len(row))] for row in tokens], np.int64)
        mask = (np.arange(longest) < np.array([[len(row)] for row in tokens])).astype(np.int64)
        known = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        inputs = {name: value for name, value in known.items() if name in self._input_names}
        (output,) = self._session.run([self._output_name], inputs)
        if output.ndim > 2:  # noqa: PLR2004 - texts, tokens, numbers
            weights = mask[:, :, None] / np.maximum(mask.sum(1), 1)[:, None, None]
            output = output[:, 0] if self._takes_first else (output * weights).sum(1)
        lengths = np.linalg.norm(output, axis=1, keepdims=True)
        rows: list[list[float]] = (output / np.maximum(lengths, 1e-12)).tolist()
        return rows


def serve(setup: Setup, pipe: EnginePipe) -> NoReturn:
    """Load the encoder and serve requests; never returns."""
    encoder, send = OnnxEncoder(setup), pipe.send
    send({"ready": encoder.window, "alone": "", "threads": encoder.threads})
    while True:
        send({"figures": {"resident_bytes": read_resident_bytes(os.getpid())}})
        line = pipe.inbox.get()
        if "embed" not in line:  # {"stop"}: a cancelled request, whose rest was left out below
            pipe.stopped.discard(line["stop"])
            continue
        number = line["embed"]
        try:
            vectors, tokens = encoder.embed(line["texts"])
            for vector in vectors:
                if number in pipe.stopped:
                    break
                send({"vector": number, "of": vector})
            send({"vectors": number, "tokens": tokens})
        except ApiError as refusal:
            send(build_refusal_line(number, refusal))
        except Exception as error:  # noqa: BLE001 - any error of an unknown model is reported
            traceback.print_exc()
            send({"failed": number, "why": describe_error(error)})


def describe_error(error: BaseException) -> str:
    """Return the error message with advice."""
    message = f"{type(error).__name__}: {error}".strip().splitlines()[0]
    return f"{message}; the ONNX file or its tokenizer is broken or no encoder: pull it again"
