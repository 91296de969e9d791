"""The page of `merlin diff --html` in a browser, from its file: its style holds, nothing runs."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from merlin.cli import main
from tests.browser.axe_and_screenshots import CLASHES, LANGUAGES, WAYS, faults_in
from tests.support.pipeline_lab import Lab

pytestmark = pytest.mark.integration
HOSTILE = '</style><script>document.title="run"</script><img src=x onerror="document.title=1">'


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    made = Lab(tmp_path_factory.mktemp("lab"), "http://127.0.0.1:9/v1")
    made.repository.dataset()
    made.repository.example("trial", 61, answer="Слово старое стоит здесь.")
    made.repository.commit()
    made.tick("fetch")
    made.repository.dataset(system="Отвечай длинно.")
    made.repository.example("trial", 61, answer="Слово новое стоит здесь. " + "длинное" * 60)
    (made.repository.folder / "datasets/trial/examples/q3.yaml").unlink()
    path = made.repository.folder / "datasets/trial/examples" / f"{'long-' * 12}name.yaml"
    path.write_text(f"messages:\n  - user: '{HOSTILE}'\n  - assistant: Так.\n", "utf-8")
    made.repository.commit()
    made.tick("fetch")
    return made


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_has_no_fault_in_any_light_at_any_width(chromium, lab, monkeypatch, language):
    monkeypatch.setenv("MERLIN_LANGUAGE", language)
    path = lab.folder / f"{language}.html"
    told = ["diff", "trial-1", "trial-2", "--html", str(path), "--config", str(lab.path)]
    assert main(told) == 0
    # axe is a script, which the page forbids; what its own policy does is looked at first.
    with chromium.new_context() as context:
        page, said = context.new_page(), []
        page.on("console", lambda message: said.append(message.text))
        page.goto(path.as_uri())
        expect(page).to_have_title("trial-1 → trial-2 · Merlin")
        expect(page.get_by_text(HOSTILE)).to_be_visible()
        expect(page.locator("ins").last).to_have_css("text-decoration-line", "underline")
        assert (said, page.evaluate(CLASHES)) == ([], [])
    with chromium.new_context(bypass_csp=True, reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(path.as_uri())
        faults = [faults_in(page, "comparison", width, theme) for width, theme in WAYS]
        assert faults == [{}] * len(WAYS)
