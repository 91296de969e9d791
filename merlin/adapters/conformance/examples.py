"""The training files of the suite: small, in Russian, the same words every time."""

from __future__ import annotations

import json

# The fewest that OpenAI takes are 10.
FEW, MANY = 12, 200
EPOCHS, LONG_EPOCHS = 2, 30
_SYSTEM = "Отвечай одним предложением."


def training_file(examples: int) -> bytes:
    """Return JSON Lines of so many conversations."""
    return "".join(f"{_line(number)}\n" for number in range(1, examples + 1)).encode()


def _line(number: int) -> str:
    messages = [
        {"role": "system", "content": _SYSTEM},
        {"role": "user", "content": f"Чему равен квадрат числа {number}?"},
        {"role": "assistant", "content": f"Квадрат числа {number} равен {number * number}."},
    ]
    return json.dumps({"messages": messages}, ensure_ascii=False)


def method(epochs: int) -> dict[str, object]:
    """Return the protocol's `method` with its hyper-parameters."""
    return {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": epochs}}}
