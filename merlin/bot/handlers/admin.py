"""/admin: examples, jobs and live models; the buttons under notices.

    home -> examples | jobs | models

Everything else that staff does has its page, and a button under a notice opens it. Users see the
sections that they have a permission for; teachers see those of their own datasets. Callback data is
untrusted, so every permission is checked again when a button is handled.
"""

from merlin.app.models import list_dataset_names
from merlin.bot import menu
from merlin.bot.context import BotContext, Use
from merlin.bot.menu import View
from merlin.bot.registry import AS_NEW_MESSAGE, Handlers
from merlin.bot.rendering import state_text
from merlin.bot.services import BotServices
from merlin.core.formatted_text import Button, button_rows
from merlin.core.i18n import text
from merlin.core.permissions import Permission
from merlin.db.notices import Notice

handlers = Handlers(Permission.WATCH)
HOME = menu.back("a-home")


def dataset_of(context: BotContext, permission: Permission) -> str:
    """Return the dataset named by the callback data. Raises NotFound, also without permission."""
    names = list_dataset_names(*context.caller, permission)
    return menu.find_by_hash(context, names, key="admin-no-dataset")


# The sections of the home screen: label, callback data, required permission.
_SECTIONS = (
    ("admin-examples", "ex", Permission.EDIT_EXAMPLES),
    ("admin-jobs", "a-jobs:0", Permission.WATCH),
    ("admin-models", "a-models", Permission.WATCH),
)


@handlers.command("admin", use=Use.BY_LINK)
@handlers.button("a-home")
def show_home(context: BotContext) -> View:
    """Show the sections that the user may open, and a button for the page of everything else."""
    authority = context.authority
    sections = [(key, data) for key, data, needed in _SECTIONS if authority.may(needed)]
    message = context.translate(
        "admin-home", role=state_text(context, "role", authority.role.value)
    )
    page = page_button(context.services, context.translate("admin-page"), "/admin")
    rows: menu.Rows = (*button_rows(sections, 2), page)
    return menu.card(context, context.translate("admin-title"), message, rows=rows)


# The label of the button under some notices, and its callback data or the page that it opens. These
# may require an argument of the notice; the third item is for a notice without it.
_NOTICE_BUTTONS = {
    ("admin-to-job", "a-job:{job}", "a-jobs:0"): (
        "failed late status no-provider forbidden"
    ),
    ("admin-to-model", "/admin/models", ""): "held",
    ("admin-jobs", "a-jobs:0", ""): "rejected",
    (
        "examples-page",
        "/datasets/{name}/examples",
        "",
    ): "findings left-out change-left_out-why",
    ("admin-models", "a-set:{dataset}", "a-models"): (
        "serving gone revoked revoked-nothing revoked-switched answer-gone answer-failing sunset"
    ),
    (
        "examples-change",
        "/changes/{change}",
        "",
    ): "change-committed change-conflict change-parked change-parked-of",
    ("notice-proposal-decide", "ex:queue:0", ""): "proposal",
    ("bot-button-plan", "plan", ""): ("paid payment-canceled refunded plan-ends"),
    ("pay-button-order-of", "/admin/billing/{purchase}", ""): (
        "paid-nobody payment-wrong stars-wrong refund-refused stars-refused"
    ),
    (
        "pay-button-purchases",
        "/admin/billing?person={user}",
        "",
    ): "stars-unknown payment-unread",
}
_BUTTON_BY_KEY = {
    f"notice-{name}": button
    for button, names in _NOTICE_BUTTONS.items()
    for name in names.split()
}


def page_button(services: BotServices, label: str, path: str) -> Button | None:
    """Return the button that opens a page; None if the configuration names no address of pages."""
    url = services.config.api.public_url.rstrip("/")
    return Button(label, url=f"{url}{path}") if url else None


def act_button(services: BotServices, notice: Notice, language: str) -> Button | None:
    """Return the button for acting on a notice, None if there is nothing to do."""
    if notice.key not in _BUTTON_BY_KEY:
        return None
    (label, data, fallback_data) = _BUTTON_BY_KEY[notice.key]
    arguments = notice.arguments
    names = ("change", "purchase", "user", "job")
    fields = {name: str(arguments.get(name, "")) for name in names}
    dataset = str(arguments.get("dataset"))
    has_argument = {
        "a-job:{job}": fields["job"].isdecimal(),
        "a-set:{dataset}": isinstance(arguments.get("dataset"), str),
    }
    data = data if has_argument.get(data, True) else fallback_data
    data = data.format(**fields, dataset=menu.short_hash(dataset), name=dataset)
    if data.startswith("/"):
        return page_button(services, text(language, label), data)
    return Button(
        text(language, label), data if data == "plan" else f"{data}:{AS_NEW_MESSAGE}"
    )
