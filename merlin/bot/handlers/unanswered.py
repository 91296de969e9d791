"""What people asked in vain, among the buttons of /examples.

dataset -> the week's questions -> one: its answer is asked for as in a new example
                                    -> dismissed, and back
"""

from __future__ import annotations

from merlin.app import unanswered
from merlin.app.unanswered import MARK_DIGITS, GroupState, UnansweredView
from merlin.bot import menu
from merlin.bot.context import BotContext
from merlin.bot.handlers import admin, example_draft
from merlin.bot.handlers.admin import performer
from merlin.bot.handlers.example_proof import USER, Draft, chosen_dataset, leave_dialog
from merlin.bot.menu import View
from merlin.core.formatted_text import Button

_LABEL = 48


def list_waiting(context: BotContext) -> View:
    """Show the questions that wait, newest first."""
    leave_dialog(context)
    name = chosen_dataset(context)
    short = admin.short(name)

    def entry(each: UnansweredView) -> Button:
        label = f"{each.times} · {menu.cut(each.question, _LABEL)}"
        return Button(label, f"ex:vain:{short}:{each.mark[:MARK_DIGITS]}")

    told = unanswered.list_unanswered(*performer(context), name, context.language)
    title, back = context.translate("examples-unanswered"), menu.back(f"ex:ds:{short}")
    keys, found = ("unanswered-words", "unanswered-none"), told.of(GroupState.WAITING)
    data = f"ex:vains:{short}"
    return menu.list_card(context, f"{title} · {name}", keys, found, entry, data, back, place=2)


def answer(context: BotContext) -> View:
    """Ask for the answer to a question, as in a new example; or show the example that has one."""
    name, each = chosen_dataset(context), _chosen(context)
    short = admin.short(name)
    if each.example:
        ways = (
            ("page-unanswered-edit", f"ex:one:{short}:{admin.short(each.example)}", "primary"),
            _dismissing(context),
            menu.back(f"ex:vains:{short}:0"),
        )
        words = context.translate("page-unanswered-there")
        return menu.card(context, name, each.question, words, rows=ways)
    draft = Draft(name, turns=((USER, each.question),))
    return example_draft.ask_answer(context, draft, f"ex:vains:{short}:0", _dismissing(context))


def dismiss(context: BotContext) -> View:
    """Take a question out of what waits, with a way back."""
    leave_dialog(context)
    name, each = chosen_dataset(context), _chosen(context)
    unanswered.dismiss(*performer(context), name, each.mark)
    short = admin.short(name)
    undo = ("page-unanswered-restore", f"ex:vain-back:{short}:{context.argument(2)}")
    words = context.translate("unanswered-dismissed", question=each.question)
    return menu.card(context, name, words, rows=(undo, menu.back(f"ex:vains:{short}:0")))


def restore(context: BotContext) -> View:
    """Let a dismissed question wait again."""
    unanswered.restore(*performer(context), chosen_dataset(context), context.argument(2))
    return answer(context)


def _dismissing(context: BotContext) -> menu.RowOf:
    return ("page-unanswered-dismiss", f"ex:vain-no:{context.argument(1)}:{context.argument(2)}")


def _chosen(context: BotContext) -> UnansweredView:
    """Return the question that a button names. Raises NotFound."""
    found = chosen_dataset(context), context.argument(2), context.language
    return unanswered.get_unanswered(*performer(context), *found)
