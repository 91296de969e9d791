"""The page of a model's test shows what models that are shut down answered before."""

import pytest

from tests.api.running_api import VERA
from tests.api.staff_api import run_daemon_api
from tests.support.pipeline_lab import run_command

pytestmark = pytest.mark.functional


def test_page_shows_recorded_answers_beside_those_of_the_new_model(tmp_path):
    with run_daemon_api(tmp_path) as site:
        site.lab.until_serving("trial-1")
        page = "/admin/models/trial-1/evaluation"
        with site.browser_client(VERA) as browser:
            before = browser.get(page)
        assert (before.status_code, "записан" in before.text) == (200, False)
        site.provider.behave(fixed_answer="Прежний ответ.")
        arguments = [
            "--dataset",
            "trial",
            "--budget",
            "1",
            "--yes",
            "--config",
            str(site.lab.path),
        ]
        asked = run_command("baseline", "record", "stand-in/stand-in-base", *arguments)
        assert asked[0] == 0, asked
        with site.browser_client(VERA) as browser:
            shown = (
                browser.get(f"{page}?show=wrong").text
                + browser.get(f"{page}?show=right").text
            )
    assert "stand-in/stand-in-base отвечала так же: 0 из 2 записанных ответов" in shown
    assert shown.count("stand-in/stand-in-base, записано раньше: иначе") == 2
    assert shown.count("Прежний ответ.") == 2
