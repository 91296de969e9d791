"""The page of `merlin diff --html` in a browser: no accessibility fault, and no script runs."""

import pytest
from playwright.sync_api import expect

from merlin.cli import main
from tests.browser.axe_and_screenshots import LANGUAGES, find_faults_in_views
from tests.support.pipeline_lab import Lab

pytestmark = pytest.mark.integration
HOSTILE = '</style><script>document.title="run"</script><img src=x onerror="document.title=1">'


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("lab"), "http://127.0.0.1:9/v1")
    lab.repository.dataset()
    lab.repository.example("trial", 61, answer="Слово старое стоит здесь.")
    lab.repository.commit()
    lab.tick("fetch")
    lab.repository.dataset(system="Отвечай длинно.")
    lab.repository.example("trial", 61, answer="Слово новое стоит здесь. " + "длинное" * 60)
    (lab.repository.folder / "datasets/trial/examples/q3.yaml").unlink()
    path = lab.repository.folder / "datasets/trial/examples" / f"{'long-' * 12}name.yaml"
    path.write_text(f"messages:\n  - user: '{HOSTILE}'\n  - assistant: Так.\n", "utf-8")
    lab.repository.commit()
    lab.tick("fetch")
    return lab


@pytest.mark.parametrize("language", LANGUAGES)
def test_axe_finds_no_violation_on_the_comparison_page(chromium, lab, monkeypatch, language):
    monkeypatch.setenv("MERLIN_LANGUAGE", language)
    path = lab.folder / f"{language}.html"
    arguments = ["diff", "trial-1", "trial-2", "--html", str(path), "--config", str(lab.path)]
    assert main(arguments) == 0
    # First with the page's own policy, which forbids scripts, so axe as well.
    with chromium.new_context() as context:
        page, console_messages = context.new_page(), []
        page.on("console", lambda message: console_messages.append(message.text))
        page.goto(path.as_uri())
        expect(page).to_have_title("trial-1 → trial-2 · Merlin")
        expect(page.get_by_text(HOSTILE)).to_be_visible()
        expect(page.locator("ins").last).to_have_css("text-decoration-line", "underline")
        assert console_messages == []
    with chromium.new_context(bypass_csp=True, reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(path.as_uri())
        # Wide and light, narrow and dark.
        assert find_faults_in_views(page, "comparison", 3 * LANGUAGES.index(language)) == {}
