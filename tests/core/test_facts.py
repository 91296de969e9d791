"""Which fact of a taught answer another text changes."""

import pytest

from merlin.core.facts import find_changed

pytestmark = pytest.mark.unit

LIST = "Порядок:\n1. Лоб\n2. Нос\n3. Рот"


@pytest.mark.parametrize(
    ("answer", "reference", "kind"),
    [
        (LIST, LIST, ""),
        # Cut at its end.
        (LIST.rpartition("\n")[0], LIST, "items"),
        ("Звоните 8 912 345-67-89.", "Звоните +7 912 345-67-89.", ""),
        # Eight and seven mean the same only before ten other digits.
        ("Звоните 8123456.", "Звоните 7123456.", "address"),
    ],
)
def test_list_cut_short_and_another_number_are_changes(answer, reference, kind):
    assert find_changed(answer, reference) == kind
