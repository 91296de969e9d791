"""Wordings that an editor may teach beside a question; never taught unseen."""

from merlin.core.question_frames import reword


def propose_by_frames(question: str, language: str) -> tuple[str, ...]:
    """Return other wordings of a question by the rules of its language, which need no model.

    None if no rule fits, as for one that is not asked in this language.
    """
    return reword(question, (language,))
