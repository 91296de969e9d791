"""Where a demo lives: nobody else's folder, and one demo at a time."""

from __future__ import annotations

import pytest

from merlin.config import load
from merlin.core.errors import Refused
from merlin.sandbox.demo.place import clear, laid_out
from merlin.sandbox.demo.ports import Ports

pytestmark = pytest.mark.functional


def test_a_folder_holds_one_demo_at_a_time(tmp_path):
    folder = tmp_path / "demo"
    with laid_out(folder, Ports.free()) as place:
        said = place.config.read_text()
        with pytest.raises(Refused) as refused, laid_out(folder, Ports.free()):
            pass
        assert refused.value.key == "demo-running"
        with pytest.raises(Refused):
            clear(folder)
        assert place.config.read_text() == said
    with laid_out(folder, Ports.free()):
        pass
    clear(folder)
    assert not folder.exists()


def test_the_demo_sells_for_roubles_and_stars_and_its_till_is_a_test(tmp_path):
    with laid_out(tmp_path / "demo", Ports.free()) as place:
        config = load(place.config)
        free, plus, voices = config.plans
        assert (free.offer.is_sold, plus.offer.is_renewed, plus.offer.trial_days) == (
            False,
            True,
            3,
        )
        assert [each.offer.rub.minor for each in (plus, voices)] == [29_900, 9_900]
        assert [each.offer.xtr.minor for each in (plus, voices)] == [200, 70]
        shop = config.selling.yookassa
        assert (shop.is_test, shop.has_bot_button, shop.saves_methods) == (True, True, True)
        assert shop.base_url == f"{place.till_url}v3"
        assert shop.networks == ("127.0.0.1/32",)
        key = (place.folder / "credentials" / shop.secret_key).read_text()
        assert key.startswith("test_")
    assert Ports.from_first(8700).till == 8703


def test_a_configuration_of_ones_own_is_neither_written_over_nor_removed(tmp_path):
    own = tmp_path / "config.yaml"
    own.write_text("state_dir: mine")
    with pytest.raises(Refused) as refused, laid_out(tmp_path, Ports.free()):
        pass
    assert refused.value.key == "demo-folder"
    with pytest.raises(Refused):
        clear(tmp_path)
    assert (own.read_text(), [*tmp_path.iterdir()]) == ("state_dir: mine", [own])


def test_what_is_no_demo_is_neither_used_nor_removed(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(Refused), laid_out(tmp_path, Ports.free()):
        pass
    with pytest.raises(Refused):
        clear(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(Refused), laid_out(tmp_path / "thesis.txt" / "demo", Ports.free()):
        pass
