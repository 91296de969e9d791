"""Where a demo lives: nobody else's folder, and one demo at a time."""

from __future__ import annotations

import pytest

from merlin.core.errors import Refused
from merlin.sandbox.demo.place import Ports, clear, laid_out

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


def test_what_is_no_demo_is_neither_used_nor_removed(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(Refused), laid_out(tmp_path, Ports.free()):
        pass
    with pytest.raises(Refused):
        clear(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(Refused), laid_out(tmp_path / "thesis.txt" / "demo", Ports.free()):
        pass
