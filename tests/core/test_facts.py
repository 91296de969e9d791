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
        ("Сдайте до 15 апреля.", "Сдайте до 15 марта.", "unit"),
        ("Запишитесь к врачу.", "Запишитесь к врачу Соколовой.", "name"),
        ("Штраф — 2000 рублей.", "Штраф — две тысячи рублей.", ""),
        ("Штраф — три тысячи рублей.", "Штраф — две тысячи рублей.", "number"),
        ("Штраф — 1000 рублей.", "Штраф — тысяча рублей.", ""),
        # Two taught words may stand in a sentence.
        ("Роман написал Лев Толстой из Тулы.", "Лев Толстой.", ""),
    ],
)
def test_fact_that_is_missing_or_another_one_is_a_change(answer, reference, kind):
    assert find_changed(answer, reference) == kind
