"""The live model of each dataset, and the way back to the earlier one.

    datasets -> dataset -> roll back (with a confirmation)

Rollback is requested from the daemon; everything else about models is on their page.
"""

from collections.abc import Iterator
from functools import partial

from merlin.app import builds, models
from merlin.app.models import ModelView, list_dataset_names, list_serving
from merlin.app.reach import list_reaches
from merlin.app.verdicts import list_removed_datasets
from merlin.bot import menu
from merlin.bot.context import BotContext
from merlin.bot.handlers import admin
from merlin.bot.handlers.jobs import await_daemon
from merlin.bot.menu import View, short_hash
from merlin.bot.registry import Handlers
from merlin.bot.rendering import dataset_title, evaluation_text, format_time
from merlin.core.errors import NotFound
from merlin.core.formatted_text import Button
from merlin.core.permissions import Permission

handlers = Handlers(Permission.WATCH)


@handlers.button("a-models")
def list_datasets(context: BotContext) -> View:
    """List the datasets with their live models."""
    serving = list_serving(*context.caller)

    def entry(name: str) -> Button:
        title = dataset_title(context, name)
        label = f"{title} · {serving[name].build if name in serving else '–'}"
        return Button(label, f"a-set:{short_hash(name)}")

    names = list_dataset_names(*context.caller, Permission.WATCH)
    title = context.translate("admin-models")
    keys = ("admin-models-which", "admin-no-datasets")
    return menu.list_card(context, title, keys, names, entry, "a-models", admin.HOME)


@handlers.button("a-set")
def show_dataset(context: BotContext) -> View:
    """Show the live model of a dataset."""
    name = admin.dataset_of(context, Permission.WATCH)
    serving = list_serving(*context.caller).get(name)
    may_roll_back = bool(serving) and context.actor.may(Permission.PROMOTE, name)
    label = context.translate("admin-all-models")
    rows: menu.Rows = (
        may_roll_back and ("admin-rollback", f"a-rollback:{short_hash(name)}"),
        admin.page_button(context.services, label, f"/admin/models?dataset={name}"),
        menu.back("a-models"),
    )
    title = dataset_title(context, name)
    if serving is None:
        message = context.translate("admin-live-model-none", dataset=title)
        return menu.card(context, title, message, rows=rows)
    message = context.translate(
        "admin-serving-now",
        build=serving.build,
        model=serving.model,
        provider=serving.provider,
        since=format_time(context, serving.since),
        pinned="yes" if serving.pinned else "no",
    )
    is_removed = name in list_removed_datasets(context.services)
    way = list_reaches(context.db, context.services.config)[name]
    key = "page-board-removed" if is_removed else "reach"
    return menu.card(
        context, title, message, context.translate(key, way=way), rows=rows
    )


def _tell_origin(context: BotContext, target: ModelView, dataset: str) -> Iterator[str]:
    """Yield from which commit an earlier model was trained, and how many answers it changes."""
    origin = models.name_commits(context.services, [target]).get(target.id)
    if origin:
        yield context.translate("rollback-from", subject=origin.subject)
    if origin and origin.after.undone_by:
        yield context.translate("rollback-undone", **origin.after.text_arguments)
    live = models.list_serving(*context.caller).get(dataset)
    if live and live.build and target.build:
        changes = builds.compare(*context.caller, live.build, target.build)
        count = len({*changes.added, *changes.removed, *changes.changed})
        yield context.translate("rollback-returns", count=count)


@handlers.button("a-rollback", needs=Permission.PROMOTE, twice=True)
def roll_back(context: BotContext) -> View:
    """Request rollback to the model that was shown from the daemon."""
    name = admin.dataset_of(context, Permission.PROMOTE)
    dataset_hash = short_hash(name)
    back = f"a-set:{short_hash(name)}"
    if not menu.is_confirmed(context):
        target = models.find_rollback_targets(*context.caller, [name]).get(name)
        if target is None:
            raise NotFound("nothing served before", "rollback-none", dataset=name)
        message = context.translate(
            "admin-ask-rollback",
            dataset=dataset_title(context, name),
            build=target.title,
        )
        told = [message, *_tell_origin(context, target, name)]
        message = (
            f"{' '.join(told)}\n\n{evaluation_text(target.scores, context.language)}"
        )
        # The button names the model, so that a second press does not roll back twice.
        return menu.confirm(
            context, message, "admin-rollback", back, dataset_hash, target.job
        )
    model = models.read_of_job(*context.caller, context.number(1), Permission.PROMOTE)
    return await_daemon(context, partial(models.roll_back_to, model_id=model.id), back)
