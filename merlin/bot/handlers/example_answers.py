"""Which answers the draft of an example would change, before it is saved."""

from __future__ import annotations

import asyncio

from merlin.app import answer_changes
from merlin.app.answer_changes import AnswerChange, AnswerChangeKind, Comparison
from merlin.bot import menu
from merlin.bot.context import BotContext
from merlin.bot.handlers import admin
from merlin.bot.handlers.example_proof import (
    current_draft,
    edits_of,
    require_editing_here,
    show_screen,
)
from merlin.bot.menu import View

_MOST_CHANGES = 5
_WORDS = 160
_KINDS = {
    AnswerChangeKind.NEW: "➕",
    AnswerChangeKind.LOST: "➖",
    AnswerChangeKind.OTHER: "🔁",
}


async def compare_answers(context: BotContext) -> None:
    """Show which answers the draft that was shown would change."""
    ctx = context.services

    def read() -> Comparison:
        require_editing_here(context, (draft := current_draft(context)).dataset)
        edits = edits_of(context, draft)
        return answer_changes.plan_comparison(ctx, admin.actor(context), draft.dataset, edits)

    plan = await context.store.read(read)
    told = await asyncio.to_thread(answer_changes.compare_answers, ctx, plan, context.language)

    def view() -> View:
        key, counts = told.summary
        lines = [_answer_change(context, each) for each in told.changes[:_MOST_CHANGES]]
        if len(told.changes) > _MOST_CHANGES:
            more = len(told.changes) - _MOST_CHANGES
            lines.append(context.translate("examples-more", count=more))
        estimate = context.translate("page-answers-estimate") if told.is_estimate else ""
        title, words = context.translate("page-answers"), context.translate(key, **counts)
        return menu.card(context, title, words, *lines, estimate, rows=(menu.back("ex:look"),))

    await show_screen(context, view)


def _answer_change(context: BotContext, each: AnswerChange) -> str:
    words = [each.before, each.after]
    before, after = (
        menu.cut(" ".join(one.split()) or context.translate("page-answers-unknown"), _WORDS)
        for one in words
    )
    return f"{_KINDS[each.kind]} {menu.cut(each.question, _WORDS)}\n{before}\n→ {after}"
