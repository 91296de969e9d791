"""The card of an exported model: `README.md` in the Hugging Face hub's form, by its classes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from merlin import __version__
from merlin.app.model_card import ModelFacts
from merlin.cli import language
from merlin.config.engine import EngineModelConfig
from merlin.core.errors import Refused
from merlin.core.i18n import text
from merlin.engine.architectures import read_class
from merlin.engine.export import ADAPTER
from merlin.engine.trainers.exact_first import RECALL_FILE

CARD_FILE = "README.md"
# The key of a card's head under which we say what a model was trained on.
_OURS = "merlin"
# The licence of a base whose files name none.
_UNKNOWN = "other"
# Its keys in the head of a README: `other` is named by the other two.
_LICENCE_KEYS = ("license", "license_name", "license_link")
_LIBRARIES = {ADAPTER: "peft"}


def write_card(
    facts: ModelFacts, form: str, base: EngineModelConfig, base_folder: Path, to: Path
) -> None:
    """Write the card of a model whose files are in `to`.

    Raises Refused without the extra that has the hub's classes.
    """
    try:
        from huggingface_hub import ModelCardData
    except ModuleNotFoundError as error:
        raise Refused(
            str(error), "library-no-extra", package=error.name or ""
        ) from error
    licence = read_licence(base_folder)
    build = {"build": facts.build.version, "digest": facts.build.digest}
    origin = {**build, "commit": facts.origin.commit}
    data = ModelCardData(
        base_model=base.source,
        base_model_relation="adapter" if form == ADAPTER else "finetune",
        library_name=_LIBRARIES.get(form, "transformers"),
        pipeline_tag="text-generation",
        language=facts.languages,
        datasets=[facts.model.dataset],
        model_name=facts.model.title,
        eval_results=_list_results(facts),
        **{_OURS: origin},
        **(licence or {"license": _UNKNOWN}),
    )
    has_exact = (to / RECALL_FILE).is_file()
    said = _describe(facts, base.source, is_licensed=bool(licence), has_exact=has_exact)
    body = "\n\n".join([*said, _show_loading(form, base, read_class(base_folder))])
    (to / CARD_FILE).write_text(f"---\n{data.to_yaml()}\n---\n\n{body}\n", "utf-8")


def _show_loading(form: str, base: EngineModelConfig, kind: str) -> str:
    """Return how to load the model, in its folder.

    By the class of the base's own config: AutoModelForCausalLM is another one for Qwen3.5, to which
    PEFT takes the adapter without a word and without an effect.
    """
    revision = f', revision="{base.revision}"' if base.hub else ""
    lines = [
        f"from transformers import AutoTokenizer, {kind}",
        f'model = {kind}.from_pretrained(".")',
    ]
    if form == ADAPTER:
        lines = [
            "from peft import PeftModel",
            lines[0],
            f'base = {kind}.from_pretrained("{base.source}"{revision})',
            'model = PeftModel.from_pretrained(base, ".")',
        ]
    return "\n".join(
        ["```python", *lines, 'tokenizer = AutoTokenizer.from_pretrained(".")', "```"]
    )


def read_licence(base_folder: Path) -> dict[str, str]:
    """Return what the head of a base's README says of its licence, empty for nothing."""
    values = _read_head(base_folder)
    return {key: str(values[key]) for key in _LICENCE_KEYS if key in values}


def find_build(folder: Path) -> str:
    """Return the digest of the build that the card in a folder names, "" for none."""
    named = _read_head(folder).get(_OURS)
    return str(named.get("digest", "")) if isinstance(named, dict) else ""


def _read_head(folder: Path) -> dict[str, Any]:
    try:
        _, head, _ = (folder / CARD_FILE).read_text("utf-8").split("---", 2)
        values: Any = yaml.safe_load(head)
    except (OSError, ValueError, yaml.YAMLError):  # without a card, or a head
        return {}
    return values if isinstance(values, dict) else {}


def _list_results(facts: ModelFacts) -> list[Any]:
    """Return the test's results as the card's; none of a model without a test."""
    from huggingface_hub import EvalResult

    scores = facts.model.scores
    if scores is None:
        return []
    metrics = {"accuracy": scores.right / scores.questions, "chrf": scores.chrf}
    return [
        EvalResult(
            task_type="text-generation",
            dataset_type=facts.model.dataset,
            dataset_name=facts.title,
            dataset_split="test",
            dataset_revision=facts.build.digest,
            metric_type=metric,
            metric_value=round(value, 4),
        )
        for metric, value in metrics.items()
    ]


def _describe(
    facts: ModelFacts, base: str, *, is_licensed: bool, has_exact: bool
) -> Iterator[str]:
    """Yield the paragraphs of a card."""
    model = facts.model
    build = facts.build
    scores = facts.model.scores
    yield f"# {facts.title}: {model.title}"
    yield _say(
        "card-about",
        dataset=model.dataset,
        trained=model.trained.value,
        base=base,
        method=facts.recipe.method,
        version=__version__,
    )
    yield _say(
        "card-built",
        build=build.version,
        digest=build.digest,
        commit=facts.origin.commit or "–",
        train=build.train,
        test=build.test,
        editors=facts.origin.editors,
    )
    if scores:
        chrf = round(scores.chrf, 1)
        yield _say(
            "card-scores", right=scores.right, questions=scores.questions, chrf=chrf
        )
    yield _say("card-applied", how=model.applied.value or "none")
    if facts.revoked:
        yield _say("card-revoked", count=facts.revoked)
    if has_exact:
        yield _say("card-exact-first")
    if not is_licensed:
        yield _say("card-no-licence", base=base)


def _say(key: str, **arguments: object) -> str:
    return text(language(), key, **arguments)
