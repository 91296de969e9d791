"""The rules of the check, as `merlin rules` tells them: made from `merlin.dataset.rules` alone."""

from collections.abc import Iterator

from merlin.dataset.rules import ABOUT, RULES, Rule

COLUMNS = {
    "en": "| rule | severity | means |\n|---|---|---|",
    "ru": "| правило | строгость | что значит |\n|---|---|---|",
}
BREAKS = {"en": "Breaks it", "ru": "Нарушает его"}
MEND = {"en": "What to do", "ru": "Что делать"}


def rules_told(language: str) -> str:
    """Return the example that the commands mean, a table of all rules, then a section for each."""
    lines = [_fence("yaml", ABOUT), "", *COLUMNS[language].splitlines()]
    for rule in RULES.values():
        link = f"[`{rule.name}`](#{rule.name})"
        lines.append(f"| {link} | {rule.severity} | {rule.meaning(language)} |")
    for rule in RULES.values():
        lines += ["", *_section(language, rule)]
    return "\n".join(lines)


def _section(language: str, rule: Rule) -> Iterator[str]:
    yield from [f"## {rule.name}", "", rule.meaning(language), ""]
    if rule.example and rule.path:
        kind = rule.path.rpartition(".")[2]
        yield from [
            f"{BREAKS[language]}, `{rule.path}`:",
            "",
            _fence(kind, rule.example),
            "",
        ]
    elif rule.example:
        yield from [
            f"{BREAKS[language]}:",
            "",
            _fence("console", f"$ {rule.example}\n"),
            "",
        ]
    yield f"{MEND[language]}: {rule.advice(language)}"


def _fence(kind: str, words: str) -> str:
    return f"```{kind}\n{words}```"
