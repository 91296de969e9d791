"""The /admin home and health; what the screens of the admins share.

    home -> examples | jobs | models | health

Users see the sections that they have a permission for; teachers see those of their own datasets.
Callback data is untrusted, so every permission is checked again when a button is handled.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from merlin.app.board import BoardRow, Card, read_board
from merlin.app.health import BudgetView, HealthView, ProcessView, read_health, read_runbook
from merlin.app.models import list_dataset_names
from merlin.bot import menu
from merlin.bot.context import Act, BotContext
from merlin.bot.menu import View
from merlin.bot.registry import AS_NEW_MESSAGE, Handlers, show_with_role
from merlin.bot.rendering import cut_line, format_time, notice_text, state_text
from merlin.bot.services import BotServices
from merlin.core import i18n, money
from merlin.core.errors import MerlinError
from merlin.core.formatted_text import Button, FormattedMessage, button_rows, split
from merlin.core.heartbeat import describe_step
from merlin.core.i18n import text
from merlin.core.permissions import Permission
from merlin.dataset.commit_message import format_subject
from merlin.db.notices import Notice, cause_of

handlers = Handlers()
HOME = menu.back("a-home")


async def show_live(
    context: BotContext, permission: Permission, build_first: Act, rebuild: Act
) -> None:
    """Show the view of `build_first`; refresh it with `rebuild` while it has a refresh button.

    A view that takes several messages is refreshed by its button alone.
    """
    views: list[View] = []

    def build_and_keep(context: BotContext) -> View:
        views.append(build_first(context))
        return views[-1]

    def has_refresh(page: FormattedMessage) -> bool:
        label = context.translate("admin-refresh")
        return any(button.label == label for row in page.buttons for button in row)

    def refresh() -> tuple[FormattedMessage, bool] | None:
        try:
            # A new context, so that the first time names its zone again.
            page = rebuild(replace(context)).page if context.authority.may(permission) else None
        except MerlinError:
            return None
        return None if page is None or len(split(page)) > 1 else (page, has_refresh(page))

    await show_with_role(context, permission, build_and_keep)
    page = views[-1].page if views else None
    is_kept = context.arguments[-1:] == (AS_NEW_MESSAGE,)
    if page is None or is_kept or len(split(page)) > 1 or not has_refresh(page):
        return
    message_id: int | None = context.message_id
    if not context.verb:  # the screen of a command is a new message
        sent = await context.store.do(lambda: context.outbox.list_of_update(context.update_id))
        message_id = sent[-1].message_id if sent else None
    if message_id:
        context.bot_data.live_messages.add(context.chat_id, message_id, refresh, page)


def dataset_of(context: BotContext, permission: Permission) -> str:
    """Return the dataset named by the callback data. Raises NotFound, also without permission."""
    names = list_dataset_names(*context.caller, permission)
    return menu.find_by_hash(context, names, key="admin-no-dataset")


# The sections of the home screen: label, callback data, required permission.
_SECTIONS = (
    ("admin-examples", "ex", Permission.EDIT_EXAMPLES),
    ("admin-jobs", "a-jobs:0", Permission.WATCH),
    ("admin-models", "a-models", Permission.WATCH),
    ("admin-health", "a-health", Permission.USERS),
)
_MAX_DATASETS, _MAX_CARDS = 10, 3
_SIGNS = {True: "⚠️", False: "▶️"}


def _home(context: BotContext) -> View:
    """Show the sections that the user may open and the commits of the datasets they may watch."""
    authority = context.authority
    sections = [(key, data) for key, data, needed in _SECTIONS if authority.may(needed)]
    role = state_text(context, "role", authority.role.value)
    message = context.translate("admin-home", role=role)
    board = read_board(*context.caller)
    board_text = "\n\n".join(_board_row(context, row) for row in board.rows[:_MAX_DATASETS])
    late = "" if board.is_live else context.translate("page-board-daemon")
    # Refresh the message while anything is in progress, also if the daemon is not running.
    is_moving = any(card.is_under_way for card in board.cards)
    rows: menu.Rows = (
        *button_rows(sections, 2),
        is_moving and ("admin-refresh", "a-home"),
    )
    return menu.card(
        context, context.translate("admin-title"), message, late, board_text, rows=rows
    )


def _board_row(context: BotContext, row: BoardRow) -> str:
    """Return which model of a dataset is live, followed by its cards in progress or waiting."""
    name = row.title_in(context.language)
    live = next((card for card in row.cards if card.since), None)
    lines = [context.translate("admin-live-model-none", dataset=name)]
    if live:
        since = format_time(context, live.since)
        key = "admin-live-model-removed" if row.removed else "admin-live-model"
        lines = [context.translate(key, dataset=name, build=live.build, since=since)]
    others = [card for card in row.cards if card is not live]
    lines += [_board_card(context, other) for other in others[:_MAX_CARDS]]
    if len(others) > _MAX_CARDS:
        lines.append(context.translate("page-board-more", count=len(others) - _MAX_CARDS))
    return "\n".join(lines)


def _board_card(context: BotContext, card: Card) -> str:
    """Return the line of a commit or an edit: its state, and its progress or why it waits."""
    state, training = card.state, card.training
    if training and training.silence:
        caption = context.translate(
            "page-board-silent", time=i18n.format_duration(context.language, training.silence)
        )
    else:
        caption = state_text(context, "verdict-status" if card.commit else "page-change", state)
    details = card.why(context.language)
    if card.is_under_way and training and training.progress.share is not None:
        time_left = i18n.format_duration(context.language, training.left or timedelta())
        details = context.translate(
            "admin-board-left", share=training.progress.share, time=time_left
        )
    subject, sign = format_subject(card.subject, context.language), _SIGNS[card.needs_care]
    message = context.translate("admin-board-card", sign=sign, state=caption, subject=subject)
    return cut_line(f"{message} — {details}" if details else message)


# It is refreshed while anything is in progress.
_watch_home = partial(show_live, permission=Permission.WATCH, build_first=_home, rebuild=_home)
handlers.command("admin")(_watch_home)
handlers.button("a-home")(_watch_home)


# The label of the button under some notices, and its callback data or the page that it opens. These
# may require an argument of the notice; the third item is for a notice without it.
_NOTICE_BUTTONS = {
    ("admin-to-job", "a-job:{job}", "a-jobs:0"): (
        "failed late status no-provider forbidden deed-cancel"
    ),
    ("admin-to-model", "a-model:{job}", "a-models"): "held",
    ("admin-jobs", "a-jobs:0", ""): "rejected",
    ("examples-problems", "ex:flaws:{dataset}:0", ""): "findings left-out change-left_out-why",
    ("admin-models", "a-set:{dataset}:0", "a-models"): (
        "serving gone revoked revoked-nothing revoked-switched"
        " answer-gone answer-failing sunset deed-accept deed-promote deed-rollback deed-pin"
        " deed-unpin"
    ),
    ("admin-health", "a-health", ""): (
        "answer-spent answer-refused provider repository no-branch rewritten disk failing"
        " conflict unconfirmed change-waits sunset-assistant"
        " sunset-transcription sunset-vision sunset-preset hear-failed forge"
    ),
    (
        "admin-users",
        "/admin/users/{to}",
        "/admin/users",
    ): "deed-grant deed-revoke deed-block deed-unblock",
    ("examples-undo", "ex:undo:{commit}", ""): "change-committed",
    ("examples-changes", "ex:changes:0", ""): "change-refused",
    ("examples-changes", "ex:change:{change}", ""): "change-parked change-parked-of",
    ("admin-examples", "ex:queue:0", ""): "proposal",
    ("bot-button-plan", "plan", ""): (
        "paid payment-canceled refunded plan-gift plan-ends renewal-soon"
        " renewal-soon-stars renewal-failed renewal-over renewal-gone"
    ),
    ("pay-button-order-of", "/admin/billing/{purchase}", ""): (
        "paid-nobody payment-wrong stars-wrong refund-refused stars-refused"
    ),
    (
        "pay-button-purchases",
        "/admin/billing?person={user}",
        "",
    ): "stars-unknown stars-left payment-unread",
    ("admin-payments", "/admin/billing", ""): "stars-missing",
}
_BUTTON_BY_KEY = {
    f"notice-{name}": button for button, names in _NOTICE_BUTTONS.items() for name in names.split()
}


def page_button(services: BotServices, label: str, path: str) -> Button | None:
    """Return the button that opens a page; None if the configuration names no address of pages."""
    url = services.config.api.public_url.rstrip("/")
    return Button(label, url=f"{url}{path}") if url else None


def act_button(services: BotServices, notice: Notice, language: str) -> Button | None:
    """Return the button for acting on a notice, None if there is nothing to do."""
    if notice.key not in _BUTTON_BY_KEY:
        return None
    (label, data, fallback_data), arguments = _BUTTON_BY_KEY[notice.key], notice.arguments
    names = ("commit", "change", "purchase", "user", "job", "to")
    fields = {name: str(arguments.get(name, "")) for name in names}
    fields["to"] = fields["to"].removeprefix("user:")
    has_argument = {
        "a-job:{job}": fields["job"].isdecimal(),
        "a-model:{job}": fields["job"].isdecimal(),
        "/admin/users/{to}": fields["to"].isdecimal(),
        "a-set:{dataset}:0": isinstance(arguments.get("dataset"), str),
    }
    data = data if has_argument.get(data, True) else fallback_data
    data = data.format(**fields, dataset=menu.short_hash(str(arguments.get("dataset"))))
    if data.startswith("/"):
        return page_button(services, text(language, label), data)
    return Button(text(language, label), data if data == "plan" else f"{data}:{AS_NEW_MESSAGE}")


def runbook_row(key: str, language: str) -> tuple[Button, ...]:
    """Return the button that opens the runbook for a notice about a problem, else ()."""
    label, cause = text(language, "runbook-button"), cause_of(key)
    return (Button(label, f"a-runbook:{cause}:{AS_NEW_MESSAGE}"),) if cause else ()


@handlers.button("a-runbook", needs=Permission.USERS)
def show_runbook(context: BotContext) -> View:
    """Show the runbook for problems with one cause."""
    title, steps = read_runbook(context.language, context.argument(0))
    page = page_button(
        context.services, context.translate("runbook-page"), "/admin/health#runbooks"
    )
    rows: menu.Rows = (("admin-health", "a-health"), page, HOME)
    return menu.card(context, title, "\n\n".join(steps), rows=rows)


_MAX_ALARMS = 5
_GIB = 2**30


@handlers.button("a-health", needs=Permission.USERS)
def show_health(context: BotContext) -> View:
    """Show the health of the processes, queues, budgets and disk, and the newest alarms."""
    view, translate, disk = read_health(*context.caller, _MAX_ALARMS), context.translate, ""
    if view.disk is not None:
        free = i18n.format_number(context.language, view.disk.free / _GIB, 1)
        share = view.disk.free / view.disk.total * 100
        disk = translate("health-disk", free=free, share=f"{share:.0f}")
    sunsets = [
        translate(
            "health-sunset",
            model=sunset.model,
            used=sunset.used_for,
            date=i18n.day_argument(sunset.ends),
            days=sunset.days_left,
        )
        for sunset in view.sunsets
    ]
    parts = (
        "\n".join(_process(context, process, view.now) for process in view.processes),
        "\n".join(_queues(context, view)),
        "\n".join(_budget(context, budget) for budget in view.budget),
        "\n".join(sunsets),
        disk,
        "\n".join(_alarms(context, view.alarms)),
    )
    # One button for each kind of alarm, the newest first.
    buttons = [
        act_button(context.services, notice, context.language) for notice in reversed(view.alarms)
    ]
    buttons_by_label = {
        button.label: button for button in buttons if button and "a-health" not in button.data
    }
    newest = tuple(buttons_by_label.values())[-3:]
    rows: menu.Rows = (newest, ("admin-refresh", "a-health"), HOME)
    return menu.card(context, translate("admin-health"), *parts, rows=rows)


def _process(context: BotContext, process: ProcessView, now: datetime) -> str:
    name = f"{process.process} ({process.host})"
    if process.alive:
        step = describe_step(context.language, process.step)
        up = i18n.format_duration(context.language, now - process.since)
        return context.translate("health-alive", sign="🟢", name=name, step=step, up=up)
    if not process.known:
        return f"⚪ {name}: {context.translate('page-unknown-why')}"
    silent_for = i18n.format_duration(context.language, now - process.at)
    return context.translate("health-silent", sign="🔴", name=name, ago=silent_for)


def _queues(context: BotContext, health_view: HealthView) -> Iterator[str]:
    waiting = [
        context.translate(
            "health-waits",
            queue=context.translate(f"health-queue-{queue.name}"),
            count=queue.waiting,
            age=i18n.format_duration(
                context.language, health_view.now - (queue.oldest or health_view.now)
            ),
        )
        for queue in health_view.queues
        if queue.waiting
    ]
    yield from waiting or [context.translate("health-queues-empty")]
    yield context.translate("health-failures", **health_view.failures)


def _budget(context: BotContext, budget: BudgetView) -> str:
    price = partial(money.format_cost, context.language, currency=budget.currency)
    arguments = {"provider": budget.provider, "spent": price(budget.spent_micro)}
    if budget.cap_micro is None:
        return context.translate("health-spent", **arguments)
    left = price(max(budget.cap_micro - budget.spent_micro, 0))
    return context.translate("health-spent-of", **arguments, left=left)


def _alarms(context: BotContext, alarms: Sequence[Notice]) -> Iterator[str]:
    if alarms:
        yield context.translate("health-alarms")
    for notice in alarms:
        message = cut_line(notice_text(context.services, notice, context.language))
        yield f"{format_time(context, notice.created_at)}  {message}"
