"""Two models of one build, trained on two bases: each name that is shown finds its own model."""

import json
import re

import pytest
import yaml

from tests.api.running_api import VERA
from tests.api.staff_api import PRICED, run_daemon_api
from tests.support.pipeline_lab import run_command

pytestmark = pytest.mark.functional
OTHER_BASE = "gpt-4o-mini-2024-07-18"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """An API whose dataset was trained as trial-1 and then on another base."""
    with run_daemon_api(tmp_path_factory.mktemp("migrated")) as site:
        site.provider.behave(states=[])
        site.lab.until_serving("trial-1")
        settings = yaml.safe_load(site.lab.path.read_text("utf-8"))
        settings["providers"][0]["prices"] = {OTHER_BASE: PRICED["stand-in-base"]["price"]}
        site.lab.path.write_text(yaml.safe_dump(settings), "utf-8")
        path = site.lab.repository.folder / "datasets/trial/dataset.yaml"
        document = yaml.safe_load(path.read_text("utf-8"))
        document["recipe"]["base_model"] = OTHER_BASE
        path.write_text(yaml.safe_dump(document), "utf-8")
        site.lab.repository.commit("Train on another base")
        site.lab.tick(rounds=5)
        yield site


def run(site, *arguments):
    return run_command(*arguments, "--config", str(site.lab.path))


def list_models(site):
    """Return the provider's names of the new and of the old model."""
    return [model.model for model in site.models()]


def test_page_links_to_the_evaluation_of_each_model(site):
    with site.browser_client(VERA) as browser:
        page = browser.get("/admin/models").text
        links = re.findall(r'href="(/admin/models/[^"]+/evaluation)"', page)
        titles = [
            re.search(r'<p class="meta break">(.+?)</p>', browser.get(link).text) for link in links
        ]
    assert [title.group(1) for title in titles] == list_models(site)


def test_history_names_both_and_a_rollback_takes_the_name(site):
    _, old = list_models(site)
    switches = run(site, "models", "history")[1]
    assert re.search(rf"trial-1 +{re.escape(old)} +new version", switches), switches
    code, _, error = run(site, "models", "rollback", "trial", "--to", old)
    assert (code, old in error) == (0, True), error
    live = json.loads(run(site, "status", "--json")[1])["datasets"]["trial"]["serving"]["model"]
    assert live == old
    with site.browser_client(VERA) as browser:
        assert old in browser.get("/admin/audit").text
