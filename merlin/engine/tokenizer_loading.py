"""Loading the tokenizer of a base, with its chat template adapted.

`python -m merlin.engine.tokenizer_loading FOLDER FILE` writes a template that had to be adapted.
"""

import sys
from pathlib import Path
from typing import Any

from merlin.engine.chat_template import adapt_template


def load_tokenizer(folder: Path) -> Any:
    """Return the tokenizer of a base. Raises OSError, ValueError."""
    from transformers import AutoTokenizer  # noqa: PLC0415 - slow to import

    tokenizer: Any = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    adapt_template(tokenizer)
    return tokenizer


def main(folder: Path, file: Path) -> None:
    """Write the template of a base into a file if it had to be adapted."""
    from transformers import AutoTokenizer  # noqa: PLC0415 - as above

    own = AutoTokenizer.from_pretrained(folder, trust_remote_code=False).chat_template
    adapted = load_tokenizer(folder).chat_template
    if adapted != own:
        file.write_text(adapted, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
