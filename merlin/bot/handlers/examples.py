"""/examples: datasets and their examples: list, search, one example.

    datasets -> dataset -> add | find | list
                proof of a draft -> Save -> a Change, committed by the daemon
    review queue -> proof -> approve | decline

Drafts are stored in the dialog and survive a restart. Importing, history, findings, undo and
conflicts have their pages.
"""

from collections.abc import Iterator, Sequence

from merlin.app import examples
from merlin.app.examples import ExampleView
from merlin.bot import menu
from merlin.bot.context import BotContext
from merlin.bot.handlers import admin, example_proof as proof
from merlin.bot.menu import PAGE_SIZE, View
from merlin.bot.registry import AS_NEW_MESSAGE, Handlers, admin_refusal
from merlin.bot.rendering import dataset_title
from merlin.core.formatted_text import Button, shorten_text
from merlin.core.i18n import cut
from merlin.core.permissions import Permission
from merlin.dataset.example_file import parse_example, question_preview
from merlin.dataset.files import DatasetCard
from merlin.dataset.finding import escape_unprintable

handlers = Handlers(Permission.EDIT_EXAMPLES)


@handlers.command("examples")
@handlers.button("ex", "ex:home", f"ex:{AS_NEW_MESSAGE}")
def examples_home(context: BotContext) -> View:
    """List the datasets that the user may edit."""
    proof.leave_dialog(context)

    def entry(card: DatasetCard) -> Button:
        count = context.translate("examples-count", count=card.examples)
        return Button(
            f"{card.title_in(context.language)} · {count}",
            f"ex:ds:{menu.short_hash(card.name)}",
        )

    cards = examples.list_datasets(*context.caller)
    title = context.translate("admin-examples")
    keys = ("examples-which", "admin-no-datasets")
    return menu.list_card(
        context,
        title,
        keys,
        cards,
        entry,
        "ex:home",
        proof.queue_button(context),
        admin.HOME,
        place=1,
    )


@handlers.button("ex:ds")
def show_dataset(context: BotContext) -> View:
    """Show a dataset and the actions for its examples."""
    proof.leave_dialog(context)
    card = proof.require_chosen_card(context)
    dataset_hash = menu.short_hash(card.name)
    label = context.translate("examples-page")
    rows: menu.Rows = (
        ("examples-add", f"ex:add:{dataset_hash}"),
        (
            ("examples-find", f"ex:find:{dataset_hash}"),
            ("examples-list", f"ex:list:{dataset_hash}:0"),
        ),
        admin.page_button(context.services, label, f"/datasets/{card.name}/examples"),
        menu.back("ex:home"),
    )
    count = context.translate("examples-count", count=card.examples)
    return menu.card(context, card.title_in(context.language), count, rows=rows)


FIND = "ex-find"
_LABEL_LENGTH = 48
_MAX_QUERY = 200
_MAX_RESULTS = 80
_TEXT_LENGTH = 2600


@handlers.button("ex:list")
def list_examples(context: BotContext) -> View:
    """Show a page of the examples, ordered by id."""
    proof.leave_dialog(context)
    card = proof.require_chosen_card(context)
    name = card.name
    dataset_hash = menu.short_hash(card.name)
    page = min(context.number(2), 100_000)
    limit = PAGE_SIZE + 1
    page_items = examples.list_examples(
        *context.caller, name, offset=page * PAGE_SIZE, limit=limit
    )
    text = context.translate("examples-list-hint" if page_items else "examples-none")
    rows: menu.Rows = (
        *_example_entries(f"ex:list:{dataset_hash}", page, page_items),
        menu.back(f"ex:ds:{dataset_hash}"),
    )
    return menu.card(context, card.title_in(context.language), text, rows=rows)


def _example_entries(
    data: str, page: int, page_items: Sequence[ExampleView]
) -> Iterator[menu.RowOf]:
    """Yield a button for each example of a page, and the row of page buttons.

    `page_items` has one item more than a page if there is another page.
    """
    for example in page_items[:PAGE_SIZE]:
        question = question_preview(example.text, _LABEL_LENGTH)
        label = question or f"⛔ {cut(escape_unprintable(example.id), _LABEL_LENGTH)}"
        yield Button(
            label,
            f"ex:one:{menu.short_hash(example.dataset)}:{menu.short_hash(example.id)}",
        )
    yield from menu.page_buttons(data, page, page * PAGE_SIZE + len(page_items))


@handlers.button("ex:find")
def ask_query(context: BotContext) -> View:
    """Ask for the words to search for."""
    name = proof.require_chosen_dataset(context)
    title = context.translate("examples-find")
    back = f"ex:ds:{menu.short_hash(name)}"
    text = context.translate("examples-ask-find", dataset=dataset_title(context, name))
    return proof.ask(context, FIND, title, text, back=back, values={"dataset": name})


@handlers.button("ex:found")
@handlers.step(FIND)
async def find_examples(context: BotContext) -> None:
    """Search for the words of the message, or show another page of the results."""
    name = str(proof.dialog_value(context, "dataset") or "")
    if not context.verb:
        query = proof.require_text(context)[:_MAX_QUERY]
    else:
        query = str(proof.dialog_value(context, "query") or "")
        if not name or not query:
            await proof.show_screen(context, admin_refusal)
            return
    # Searching many examples is slow, so it runs outside the thread that writes.
    page = min(context.number(1) if context.verb else 0, _MAX_RESULTS // PAGE_SIZE - 1)
    limit = menu.items_to_read(page)
    matches = await context.store.read(
        lambda: examples.find(*context.caller, query, name, limit=limit)
    )
    page_matches = matches[page * PAGE_SIZE :]

    def act(context: BotContext) -> View:
        key = "examples-found" if matches else "examples-found-none"
        message = context.translate(key, words=shorten_text(query, 80))
        title = context.translate("examples-find")
        back = f"ex:ds:{menu.short_hash(name)}"
        values = {"dataset": name, "query": query}
        rows = _example_entries("ex:found", page, page_matches)
        return proof.ask(
            context, FIND, title, message, back=back, rows=rows, values=values
        )

    await proof.show_screen(context, act)


@handlers.button("ex:one")
def show_example(context: BotContext) -> View:
    """Show an example."""
    proof.leave_dialog(context)
    file = proof.require_chosen_example(context)
    dataset_hash = menu.short_hash(file.dataset)
    example_hash = menu.short_hash(file.id)
    text_block = menu.code_block(
        cut(file.text or context.translate("examples-no-text"), _TEXT_LENGTH)
    )
    target = f"{dataset_hash}:{example_hash}"
    reword_buttons = (
        ("examples-edit-question", f"ex:edit:{target}:q"),
        ("examples-edit-answer", f"ex:edit:{target}:a"),
    )
    label = context.translate("examples-page")
    rows: menu.Rows = (
        reword_buttons if parse_example(file.text) else (),
        ("examples-delete-ask", f"ex:del:{target}", "danger"),
        admin.page_button(
            context.services, label, f"/datasets/{file.dataset}/examples"
        ),
        (
            ("examples-list", f"ex:list:{dataset_hash}:0"),
            menu.back(f"ex:ds:{dataset_hash}"),
        ),
    )
    title = f"{file.dataset} · {escape_unprintable(file.id)}"
    return menu.card(context, title, text_block, rows=rows)


@handlers.button("ex:del")
@proof.make_handler
def draft_deletion(context: BotContext) -> proof.EditedFile:
    """Return the draft that deletes an example: the Save button of its proof confirms it."""
    return proof.draft_of_example(proof.require_chosen_example(context), is_gone=True)
