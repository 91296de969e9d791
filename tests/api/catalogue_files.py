"""A larger catalogue: the courses of this repository, and some with long names."""

from pathlib import Path

from tests.api.running_api import CLOSED, NETWORKS

_DATASETS = Path(__file__).parents[2] / "datasets"


def _read_dataset(name):
    """Return the files of a dataset of this repository, without its examples."""
    folder = _DATASETS / name
    paths = [folder / "course.yaml", *sorted(folder.glob("materials/*.md"))]
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in paths}


def _course_yaml(semester, russian, english, about="", about_en=""):
    description = f"description: {{ru: {about!r}, en: {about_en!r}}}\n" if about else ""
    return {
        "course.yaml": f"semester: {semester}\nname: {{ru: {russian!r}, en: {english!r}}}\n"
        f"{description}"
        "teachers: [boris]\n"
        "materials:\n"
        "  - {lesson: 1, type: lecture, title: {ru: Введение},"
        ' file_url: "https://example.com/introduction.pdf"}\n'
    }


COURSES = {
    **{name: _read_dataset(name) for name in ("algorithms", "neurotypology", "python")},
    "networks": NETWORKS,
    "closed": CLOSED,
    "databases": _course_yaml(
        2,
        "Базы данных",
        "Databases",
        "Модель данных, SQL, транзакции и индексы. Как хранить, чтобы потом найти.",
        "The data model, SQL, transactions and indexes. How to store what is to be found again.",
    ),
    "hci": _course_yaml(
        3,
        "Проектирование человеко-компьютерного взаимодействия",
        "Design of human-computer interaction",
        "Наблюдать за людьми, делать наброски, проверять. Доступность с первого дня.",
        "Watch people, sketch, check. Accessible from the first day on.",
    ),
    "statistics": _course_yaml(
        2, "Теория вероятностей и статистика", "Probability and statistics"
    ),
}
