"""Take the pictures of the docs anew, from the demo: `make pictures`.

In each language a demo is begun in a folder of its own; what is shown there is done as its people
would do it: commits by git, a question in the chat page. It needs Chromium.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from merlin.core.server import free_ports
from merlin.sandbox.demo.place import SCRIPTS, Ports, Script, commit

PICTURES = Path(__file__).parents[1] / "pictures"
SIZE = ViewportSize(width=1280, height=800)
# What the pages wait for: a model is trained within.
WAIT_MS = 120_000
CHROMIUM = "/usr/bin/chromium-headless-shell"


@contextmanager
def started_demo(language: str, folder: Path) -> Iterator[Ports]:
    """Run a demo in a folder while its pictures are taken."""
    ports = Ports.from_first(free_ports(1)[0])
    command = [sys.executable, "-m", "merlin", "demo", "--state", str(folder)]
    process = subprocess.Popen(
        [*command, "--port", str(ports.front)],
        env={**os.environ, "MERLIN_LANGUAGE": language},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        next(line for line in process.stdout if str(ports.front) in line)
        yield ports
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def opened_page(chromium: Browser, language: str) -> Iterator[Page]:
    """Open a browser of somebody who reads a language."""
    context = chromium.new_context(viewport=SIZE, locale=language, color_scheme="light")
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    yield page
    context.close()


def save(page: Page, language: str, name: str) -> None:
    """Keep what the page shows, in the few colours that it has."""
    path = PICTURES / language / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.open(BytesIO(page.screenshot())).convert("RGB")
    image.quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


def take_board(page: Page, ports: Ports, repository: Path, script: Script) -> None:
    """Show the live models, and a commit that is trained on."""
    page.goto(f"http://127.0.0.1:{ports.front}/")
    page.locator("#way-title b", has_text=script.dataset).wait_for()
    page.goto(f"http://127.0.0.1:{ports.front}/enter/vera")
    text = (
        f"messages:\n- user: {script.new_question}\n- assistant: {script.new_answer}\n"
    )
    (repository / "datasets" / "algorithms" / "examples" / "new.yaml").write_text(
        text, "utf-8"
    )
    commit(repository, script.new_subject)
    page.locator(".slip:has(.chip.run)", has_text=script.new_subject).wait_for()


def take_chat(page: Page, ports: Ports, script: Script) -> None:
    """Show a question of Anna's, its answer, and where the answer comes from."""
    page.goto(f"http://127.0.0.1:{ports.chat}/")
    page.locator("#message").fill(script.question)
    page.locator("#message").press("Enter")
    page.locator(".keys button", has_text="ℹ️").click()
    page.locator(".bub blockquote").wait_for()
    page.wait_for_load_state("networkidle")


def take_examples(page: Page, ports: Ports) -> None:
    """Show the editors' list of examples."""
    page.goto(f"http://127.0.0.1:{ports.front}/enter/boris")
    page.goto(f"http://127.0.0.1:{ports.api}/datasets/algorithms/examples")


def main() -> None:
    """Take every picture in both languages."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM)
        for language, script in SCRIPTS.items():
            with (
                TemporaryDirectory() as folder,
                started_demo(language, Path(folder)) as ports,
                opened_page(chromium, language) as page,
            ):
                take_board(page, ports, Path(folder) / "repository", script)
                save(page, language, "board")
                take_chat(page, ports, script)
                save(page, language, "bot")
                take_examples(page, ports)
                save(page, language, "examples")


if __name__ == "__main__":
    main()
