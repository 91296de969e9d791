"""Other wordings of a question, by rules: an editor ticks those that people would use."""

_PATTERNS = {
    "en": ("Could you tell me: {question}", "I'd like to know: {question}"),
    "ru": ("Подскажите: {question}", "Хочу узнать: {question}"),
}


def propose_by_frames(question: str, language: str) -> tuple[str, ...]:
    """Return other wordings of a question in a language."""
    begun = question[:1].lower() + question[1:]
    return tuple(each.format(question=begun) for each in _PATTERNS.get(language, ()))
