"""Examples: the dialog that commits. /examples, or a button of /admin.

    datasets -> dataset -> add | forward | find | list | import
                proof of a draft -> Save -> a Change, committed by the daemon
    review queue -> proof -> approve | decline
    changes under way -> conflict: mine | theirs | edit; committed: undo

Every button is `ex:<action>:…`; the draft lies in the dialog, so that a restart loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from merlin.account.role import Permission
from merlin.bot.event import Event
from merlin.bot.handlers.examples import (
    adding,
    changes,
    home,
    importing,
    looking,
    picking,
    proof,
    reach,
    reviewing,
    rewriting,
    saving,
    undoing,
)
from merlin.bot.handlers.examples.reach import acted
from merlin.bot.handlers.examples.words import leading, listening
from merlin.bot.handlers.office import panel
from merlin.bot.handlers.topic import Handler, Topic
from merlin.bot.kit import Kit

# What a button does, by the word behind `ex:`.
ACTIONS: Mapping[str, Handler] = {
    "home": acted(home.home),
    "ds": acted(home.dataset),
    "add": acted(adding.add),
    "turn": acted(adding.turn),
    "turns": acted(adding.turns),
    "unturn": acted(adding.unturn),
    "tags": acted(adding.tags),
    "look": adding.shown,
    "word": acted(rewriting.word),
    "untag": rewriting.untag,
    "whole": acted(rewriting.whole),
    "save": acted(saving.save),
    "list": acted(looking.listed),
    "flaws": acted(looking.flaws),
    "find": acted(looking.ask_find),
    "found": looking.found,
    "one": acted(looking.one),
    "past": acted(looking.past),
    "edit": acted(rewriting.edit),
    "del": rewriting.delete,
    "fwd": acted(picking.collect),
    "picks": acted(picking.picks),
    "pick": acted(picking.pick),
    "picked": picking.picked,
    "import": acted(importing.ask),
    "take": importing.take,
    "queue": acted(reviewing.queue),
    "prop": reviewing.proposal,
    "no": acted(reviewing.ask_reason),
    "no-yes": acted(reviewing.declined),
    "changes": acted(changes.changes),
    "change": acted(changes.change),
    "mine": acted(changes.mine),
    "theirs": acted(changes.theirs),
    "mend": changes.mend,
    "retry": acted(changes.retry),
    "drop": acted(changes.ask_drop),
    "drop-yes": acted(changes.drop),
    "undo": undoing.undo,
    "undo-yes": acted(undoing.undone),
}


async def pressed(kit: Kit, event: Event) -> None:
    """Do what a button says."""
    action = reach.word(event, 0)
    home_ = "home" if action in {"", panel.ANEW} else action
    await ACTIONS.get(home_, _old)(kit, event)


async def _old(kit: Kit, event: Event) -> None:
    await kit.show(event, lambda: panel.refusal(event))


TOPIC = Topic(
    commands={"examples": acted(home.home)},
    buttons={reach.VERB: pressed},
    steps={
        adding.QUESTION: listening(adding.question),
        adding.ANSWER: listening(adding.answer),
        adding.TURNS: acted(adding.more_unawaited),
        adding.TAGS: leading(adding.tagged),
        proof.PROOF: adding.unawaited,
        rewriting.REWORD: leading(rewriting.reworded),
        looking.FIND: leading(looking.find),
        picking.PICK: acted(picking.heard),
        importing.IMPORT: importing.sent,
        reviewing.DECLINE: listening(reviewing.reasoned),
    },
    staff={"examples": Permission.EDIT_EXAMPLES},
)
