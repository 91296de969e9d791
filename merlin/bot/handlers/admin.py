"""/admin, health, and what the admins' screens are made of; who may see which.

    home -> examples | jobs | models | users | payments | broadcast | health

Everybody sees the sections they may enter, a teacher those of the own datasets. Anybody can send a
button's data, so that what is asked for is checked where it is carried out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from merlin.app.actor import Actor
from merlin.app.approvals import count_waiting
from merlin.app.board import BoardRow, Card, read_board
from merlin.app.context import Context
from merlin.app.health import BudgetView, HealthView, ProcessView, health, runbook
from merlin.app.models import dataset_names
from merlin.bot import menu
from merlin.bot.context import Act, BotContext
from merlin.bot.menu import View
from merlin.bot.registry import ANEW, Handlers, require_role
from merlin.core import i18n, money
from merlin.core.clock import from_iso
from merlin.core.errors import MerlinError, NotFound
from merlin.core.formatted_text import Button, FormattedMessage, button_rows
from merlin.core.heartbeat import describe_step
from merlin.core.i18n import keys, text
from merlin.core.permissions import Permission
from merlin.dataset.commit_message import format_subject
from merlin.db.notices import Notice, cause_of

T = TypeVar("T")

handlers = Handlers()
_SHORT = 10
HOME = menu.back("a-home")
# Of a line among others.
_LONGEST = 200


async def follow(context: BotContext, permission: Permission, act: Act, again: Act) -> None:
    """Show what `act` says; keep it up to date by `again` while it has a button to refresh it."""
    seen: list[View] = []

    def first(context: BotContext) -> View:
        seen.append(act(context))
        return seen[-1]

    def is_open(page: FormattedMessage) -> bool:
        refresh = context.translate("admin-refresh")
        return any(each.label == refresh for row in page.buttons for each in row)

    def look() -> tuple[FormattedMessage, bool] | None:
        try:
            page = again(context).page if context.authority.may(permission) else None
        except MerlinError:
            return None
        return None if page is None else (page, is_open(page))

    await context.show(lambda: require_role(permission, first)(context))
    page = seen[-1].page if seen else None
    if page is None or context.arguments[-1:] == (ANEW,) or not is_open(page):
        return
    message_id: int | None = context.message_id
    if not context.verb:  # a command's screen is a message of its own
        sent = await context.store.do(lambda: context.outbox.of_update(context.update_id))
        message_id = sent[-1].message_id if sent else None
    if message_id:
        context.bot_data.watches.add(context.chat_id, message_id, look, page)


def actor(context: BotContext) -> Actor:
    """Return who performs the acts that an update asks for."""
    return Actor.person(context.user_id, context.authority)


def performer(context: BotContext) -> tuple[Context, Actor]:
    """Return what every act begins with: what it works with, and who performs it."""
    return context.services, actor(context)


def short(name: str) -> str:
    """Return a name as a button's data carries it; names may be longer than that can be."""
    return hashlib.sha256(name.encode()).hexdigest()[:_SHORT]


def marked(
    context: BotContext,
    found: Iterable[T],
    name: Callable[[T], str] = str,
    place: int = 0,
    key: str = "bot-button-old",
) -> T:
    """Return which of these a button names by the short form of its name. Raises NotFound."""
    for each in found:
        if short(name(each)) == context.argument(place):
            return each
    raise NotFound("nothing of this name", key)


def dataset_of(context: BotContext, permission: Permission) -> str:
    """Return the dataset that a button names. Raises NotFound, also for one out of reach."""
    return marked(context, datasets(context, permission), key="admin-no-dataset")


def datasets(context: BotContext, permission: Permission) -> list[str]:
    """Return the datasets in which the person may do this, by name."""
    return dataset_names(context.services, actor(context), permission)


def state_text(context: BotContext, family: str, name: object) -> str:
    """Return the text `<family>-<name>`; a name without one stays as it is."""
    key = f"{family}-{name}"
    return context.translate(key) if key in keys(context.language) else str(name)


def when(context: BotContext, at: datetime | str | None) -> str:
    """Return a time, maybe as it is stored, as the person reads it; "" for none."""
    if not at:
        return ""
    moment = from_iso(at) if isinstance(at, str) else at
    return i18n.format_moment_briefly(
        moment, context.zone, context.language, is_named=context.names_zone()
    )


def cut(message: str) -> str:
    """Return words as a line among others."""
    return menu.cut(message, _LONGEST)


def lines(*found: str) -> str:
    """Return lines that say something, one below the other."""
    return "\n".join(filter(None, found))


# What leads where, for whom.
_SECTIONS = (
    ("admin-examples", "ex", Permission.EDIT_EXAMPLES),
    ("admin-jobs", "a-jobs:0", Permission.WATCH),
    ("admin-models", "a-models", Permission.WATCH),
    ("admin-users", "a-users:0", Permission.USERS),
    ("admin-payments", "a-pay", Permission.REFUNDS),
    ("admin-broadcast", "a-casts", Permission.BROADCAST),
    ("admin-health", "a-health", Permission.USERS),
)
_MAX_DATASETS, _MAX_CARDS = 10, 3
_SIGNS = {True: "⚠️", False: "▶️"}


def _home(context: BotContext) -> View:
    """Show where the person may go, and where the commits of what they may watch stand."""
    mine = context.authority
    ways = [menu.button(context, key, data) for key, data, needed in _SECTIONS if mine.may(needed)]
    role = state_text(context, "role", mine.role.value)
    message = context.translate("admin-home", role=role)
    board = read_board(*performer(context))
    shown = "\n\n".join(_board_row(context, row) for row in board.rows[:_MAX_DATASETS])
    late = "" if board.is_live else context.translate("page-board-daemon")
    waits = count_waiting(*performer(context))
    approve = Button(context.translate("approval-open", count=waits), "a-waits") if waits else None
    # The message is kept up to date, also until a silent daemon speaks again.
    moves = any(card.is_under_way for card in board.cards)
    rows = (
        approve,
        *button_rows(ways, 2),
        moves and (menu.button(context, "admin-refresh", "a-home"),),
    )
    return menu.card(context, context.translate("admin-title"), message, late, shown, rows=rows)


def _board_row(context: BotContext, row: BoardRow) -> str:
    """Return which model of a dataset is live, and below it the cards that move or wait."""
    name = row.title_in(context.language)
    live = next((card for card in row.cards if card.since), None)
    found = [context.translate("admin-serves-none", dataset=name)]
    if live:
        since = when(context, live.since)
        found = [context.translate("admin-serves", dataset=name, build=live.build, since=since)]
    others = [card for card in row.cards if card is not live]
    found += [_board_card(context, other) for other in others[:_MAX_CARDS]]
    if len(others) > _MAX_CARDS:
        found.append(context.translate("page-board-more", count=len(others) - _MAX_CARDS))
    return "\n".join(found)


def _board_card(context: BotContext, card: Card) -> str:
    """Return a commit's or an edit's line: where it stands, how far it is, or why it waits."""
    state, training = card.state, card.training
    if training and training.silence:
        caption = context.translate("page-board-silent", time=_long(context, training.silence))
    else:
        caption = state_text(context, "word" if card.commit else "page-change", state)
    about = card.why(context.language)
    if card.is_under_way and training and training.progress.share is not None:
        left = _long(context, training.left or timedelta())
        about = context.translate("admin-board-left", share=training.progress.share, time=left)
    subject, sign = format_subject(card.subject, context.language), _SIGNS[card.needs_care]
    message = context.translate("admin-board-card", sign=sign, state=caption, subject=subject)
    return cut(f"{message}. {about}" if about else message)


async def admin_home(context: BotContext) -> None:
    """Show the home, and keep it up to date while something moves."""

    def first(context: BotContext) -> View:
        if context.dialog is not None and context.verb:
            context.stop_waiting()
        return _home(context)

    await follow(context, Permission.WATCH, first, _home)


handlers.command("admin")(admin_home)
handlers.button("a-home")(admin_home)


# The label and data of a button under some notices. The data may name an argument that the notice
# must have; where it has not, the last word is the data.
_WAYS = {
    ("admin-to-job", "a-job:{job}", "a-jobs:0"): (
        "failed late status no-provider forbidden deed-cancel"
    ),
    ("admin-to-model", "a-model:{job}", "a-models"): "held",
    ("admin-jobs", "a-jobs:0", ""): "rejected findings",
    ("admin-models", "a-set:{dataset}:0", "a-models"): (
        "serving gone answer-gone answer-failing sunset deed-promote deed-rollback deed-pin"
        " deed-unpin"
    ),
    ("admin-health", "a-health", ""): (
        "answer-spent answer-refused provider repository no-branch rewritten disk failing"
        " conflict unconfirmed change-waits change-parked-of sunset-assistant"
        " sunset-transcription sunset-vision sunset-preset hear-failed forge"
    ),
    ("admin-users", "a-user:{to}", "a-users:0"): "deed-grant deed-revoke deed-block deed-unblock",
    ("examples-undo", "ex:undo:{commit}", ""): "change-committed",
    ("examples-changes", "ex:changes:0", ""): "change-refused",
    ("examples-changes", "ex:change:{change}", ""): "change-parked",
    ("admin-examples", "ex:queue:0", ""): "proposal",
    ("bot-button-plan", "plan", ""): (
        "paid payment-canceled refunded code-taken plan-gift plan-ends renewal-soon"
        " renewal-soon-stars renewal-failed renewal-over renewal-gone"
    ),
    ("pay-button-order-of", "a-buy:{purchase}", ""): (
        "paid-nobody code-taken-admins payment-wrong refund-refused stars-refused"
    ),
    ("pay-button-purchases", "a-buys:{user}:0", ""): "stars-unknown stars-left payment-unread",
    ("admin-payments", "a-pay", ""): "stars-missing",
}
_WAY_BY_KEY = {f"notice-{name}": way for way, names in _WAYS.items() for name in names.split()}


def act_button(notice: Notice, language: str) -> Button | None:
    """Return the button to act on a notice, None where there is nothing to do."""
    if notice.key not in _WAY_BY_KEY:
        return None
    (label, data, otherwise), arguments = _WAY_BY_KEY[notice.key], notice.arguments
    names = ("commit", "change", "purchase", "user", "job", "to")
    fields = {name: str(arguments.get(name, "")) for name in names}
    fields["to"] = fields["to"].removeprefix("user:")
    is_known = {
        "a-job:{job}": fields["job"].isdecimal(),
        "a-model:{job}": fields["job"].isdecimal(),
        "a-user:{to}": fields["to"].isdecimal(),
        "a-set:{dataset}:0": isinstance(arguments.get("dataset"), str),
    }
    data = data if is_known.get(data, True) else otherwise
    data = data.format(**fields, dataset=short(str(arguments.get("dataset"))))
    return Button(text(language, label), data if data == "plan" else f"{data}:{ANEW}")


def runbook_row(key: str, language: str) -> tuple[Button, ...]:
    """Return the button to what to do about a trouble, none for what is no trouble."""
    label, cause = text(language, "runbook-button"), cause_of(key)
    return (Button(label, f"a-runbook:{cause}:{ANEW}"),) if cause else ()


@handlers.button("a-runbook", needs=Permission.USERS)
def show_runbook(context: BotContext) -> View:
    """Show what to do about the troubles of one cause."""
    title, steps = runbook(context.language, context.argument(0))
    url = context.services.config.api.public_url.rstrip("/")
    page = Button(context.translate("runbook-page"), url=f"{url}/admin/health#runbooks")
    rows: menu.Rows = (("admin-health", "a-health"), page if url else None, HOME)
    return menu.card(context, title, "\n\n".join(steps), rows=rows)


_MAX_ALARMS = 5
_GIB = 2**30


@handlers.button("a-health", needs=Permission.USERS)
def show_health(context: BotContext) -> View:
    """Show how Merlin does, and what was told last."""
    seen, tell, disk = health(*performer(context), _MAX_ALARMS), context.translate, ""
    if seen.disk is not None:
        free = i18n.format_number(context.language, seen.disk.free / _GIB, 1)
        share = seen.disk.free / seen.disk.total * 100
        disk = tell("health-disk", free=free, share=f"{share:.0f}")
    sunsets = [
        tell(
            "health-sunset",
            model=sunset.model,
            used=sunset.used_for,
            date=i18n.day_argument(sunset.ends),
            days=sunset.days_left,
        )
        for sunset in seen.sunsets
    ]
    parts = (
        "\n".join(_process(context, process, seen.now) for process in seen.processes),
        "\n".join(_queues(context, seen)),
        "\n".join(_budget(context, each) for each in seen.budget),
        "\n".join(sunsets),
        disk,
        "\n".join(_alarms(context, seen.alarms)),
    )
    # The buttons to act on the newest alarms, each once.
    found = [act_button(notice, context.language) for notice in reversed(seen.alarms)]
    ways = {each.label: each for each in found if each and "a-health" not in each.data}
    acts = tuple(ways.values())[-3:]
    rows: menu.Rows = (acts, ("admin-refresh", "a-health"), HOME)
    return menu.card(context, tell("admin-health"), *parts, rows=rows)


def _process(context: BotContext, seen: ProcessView, now: datetime) -> str:
    name = f"{seen.process} ({seen.host})"
    if seen.alive:
        step, up = describe_step(context.language, seen.step), _long(context, now - seen.since)
        return context.translate("health-alive", sign="🟢", name=name, step=step, up=up)
    ago = _long(context, now - seen.at)
    return context.translate("health-silent", sign="🔴", name=name, ago=ago)


def _long(context: BotContext, span: timedelta) -> str:
    """Return a length of time in its largest unit."""
    seconds = max(int(span.total_seconds()), 0)
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= length:
            return context.translate(f"health-{unit}", count=seconds // length)
    return context.translate("health-seconds", count=seconds)


def _queues(context: BotContext, health_view: HealthView) -> Iterator[str]:
    waiting = [
        context.translate(
            "health-waits",
            queue=context.translate(f"health-queue-{queue.name}"),
            count=queue.waiting,
            age=_long(context, health_view.now - (queue.oldest or health_view.now)),
        )
        for queue in health_view.queues
        if queue.waiting
    ]
    yield from waiting or [context.translate("health-nothing-waits")]
    yield context.translate("health-failures", **health_view.failures)


def _budget(context: BotContext, seen: BudgetView) -> str:
    price = partial(money.format_cost, context.language, currency=seen.currency)
    arguments = {"provider": seen.provider, "spent": price(seen.spent_micro)}
    if seen.cap_micro is None:
        return context.translate("health-spent", **arguments)
    left = price(max(seen.cap_micro - seen.spent_micro, 0))
    return context.translate("health-spent-of", **arguments, left=left)


def _alarms(context: BotContext, alarms: Sequence[Notice]) -> Iterator[str]:
    if alarms:
        yield context.translate("health-alarms")
    for notice in alarms:
        at = when(context, notice.created_at)
        try:
            words = context.translate(notice.key, **notice.arguments)
        except (KeyError, ValueError, TypeError):
            words = notice.key
        yield f"{at}  {cut(words)}"
