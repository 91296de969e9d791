"""Reading YAML: what is accepted, what is refused, and at which place."""

import pytest

from merlin.dataset.finding import Finding
from merlin.dataset.yaml_io import (
    MAX_DEPTH,
    MAX_EVENTS,
    MAX_FILE_BYTES,
    Node,
    format_flow_text,
    read_yaml,
)

pytestmark = pytest.mark.unit


def to_plain(node):
    if isinstance(node.value, dict):
        return {key: to_plain(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [to_plain(child) for child in node.value]
    return node.value


def test_unquoted_word_stays_a_string():
    for word in [
        "no",
        "yes",
        "null",
        "~",
        "12:30:45",
        "1_000",
        "2024-01-01",
        "017",
        "0x1F",
        "1.0",
        "",
    ]:
        assert to_plain(read_yaml(f"answer: {word}\n".encode())) == {"answer": word}


def test_every_node_has_its_line_and_column_and_its_keys():
    node = read_yaml(b"a: 1\nlist:\n  - x\n  - {b: y}\n")
    inner = node.value["list"].value[1].value["b"]
    assert (inner.line, inner.column, inner.key) == (4, 9, (4, 6))
    assert node.value["list"].key == (2, 1)


def test_columns_count_characters_not_bytes():
    assert read_yaml("ключ: {ё: 1, ё: 2}".encode()).column == 14


def test_windows_line_endings_are_accepted():
    assert to_plain(read_yaml(b"a: |\r\n  x\r\n  y\r\nb: z\r\n")) == {
        "a": "x\ny\n",
        "b": "z",
    }


REFUSED = [
    (b"", "empty-file", 1, 1),
    (b"# only a word to the reader\n", "empty-file", 1, 1),
    (b"a: 1\na: 2\n", "duplicate-key", 2, 1),
    (b"a: {b: 1, c: 2, b: 3}\n", "duplicate-key", 1, 17),
    (b"a: &x [1]\n", "anchor", 1, 4),
    (b"a: [*x]\n", "alias", 1, 5),
    (b"<<: {a: 1}\n", "merge-key", 1, 1),
    (b"a: !!str 1\n", "tag", 1, 4),
    (b"a: ! 1\n", "tag", 1, 4),
    (b"a: !!python/object/apply:os.system [id]\n", "tag", 1, 4),
    (b"a: 1\n---\nb: 2\n", "several-documents", 2, 1),
    (b"? [a]\n: b\n", "complex-key", 1, 3),
    (b"a: b: c\n", "yaml-syntax", 1, 5),
    (b"a:\n\tb: c\n", "yaml-syntax", 2, 1),
    (b"a: [1, 2\n", "yaml-syntax", 2, 1),
    (b'a: "x\n', "yaml-syntax", 1, 4),
    (b'a: "\\q"\n', "yaml-syntax", 1, 5),
    (b"%YAML 2.0\n---\na\n", "yaml-syntax", 1, 1),
    (b"a:\n<<<<<<< HEAD\n- b\n=======\n- c\n>>>>>>> d\n", "yaml-syntax", 2, 1),
    ("a: b\n".encode("utf-16-le"), "not-utf8", 1, 2),
    ("a: b\n".encode("utf-16-be"), "not-utf8", 1, 1),
    (b"version https://git-lfs.github.com/spec/v1\nsize 9\n", "unreadable", 1, 1),
    (b"ab\xff\n", "not-utf8", 1, 3),
    (b"a: 1\nb: \xd0\n", "not-utf8", 2, 4),
    (b"\xef\xbb\xbfa: 1\n", "bom", 1, 1),
    (b"\xff\xfea\x00", "not-utf8", 1, 1),
    (b"a: x\x00y\n", "control-character", 1, 5),
    (b"a: 1\nb: \x1b[31m\n", "control-character", 2, 4),
    (b"a: x\xc2\x9by\n", "control-character", 1, 5),
    (b'a: "\\0"\n', "control-character", 1, 4),
    (b'a: "\\r"\n', "control-character", 1, 4),
    (b'"\\e": x\n', "control-character", 1, 1),
    (b'a: "\\ud800"\n', "yaml-syntax", 1, 7),
    (b"a: \xed\xa0\x80\n", "control-character", 1, 4),
    ("a: x\u2028y\nb: z\n".encode(), "control-character", 1, 5),
    ('a: z\n# x\nb: "x\u2029"\n'.encode(), "control-character", 3, 6),
    ("a: |\n  x\n  y\x85z\n".encode(), "control-character", 3, 4),
]


def test_unneeded_yaml_feature_is_refused_at_its_place():
    for data, rule, line, column in REFUSED:
        finding = read_yaml(data)
        assert isinstance(finding, Finding)
        assert (finding.rule, finding.line, finding.column) == (rule, line, column)


@pytest.mark.parametrize(
    ("data", "line", "column", "problem"),
    [
        (b'a:\n- b: "c?\n- d: e\n', 2, 6, "quote"),
        (b"a:\n  - b: c\n   - d: e\n", 3, 4, "indent"),
        (b"a:\n  - b: c #1\n   - d: e\n", 3, 4, "hash"),
        (b"a:\n\tb: c\n", 2, 1, "tab"),
        (b"a: |\n\tb\n", 2, 1, "tab"),
        (b'a: "b" c\n', 1, 8, "other"),
        (b"a: [b", 2, 1, "other"),
        (b"a:\n<<<<<<< HEAD\n- b\n", 2, 1, "conflict"),
    ],
)
def test_common_fault_of_yaml_is_told_in_the_readers_language(
    data, line, column, problem
):
    finding = read_yaml(data)
    assert (finding.line, finding.column, finding.arguments) == (
        line,
        column,
        {"problem": problem},
    )
    assert "found" not in finding.text("ru")


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "[{a: "])
@pytest.mark.parametrize("times", [MAX_DEPTH + 1, 30_000, 200_000])
def test_nesting_bomb_is_a_finding(opening, times):
    finding = read_yaml((opening * times).encode())
    assert isinstance(finding, Finding)
    assert finding.rule in {"too-deep", "complex-key", "too-large"}


def test_nesting_up_to_the_limit_is_read():
    data = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert isinstance(read_yaml(data.encode()), Node)
    assert read_yaml(f"[{data}]".encode()).rule == "too-deep"


def test_too_many_nodes_are_refused():
    assert read_yaml(b"- x\n" * (MAX_EVENTS + 1)).rule == "too-many-nodes"


def test_overlong_file_is_refused_unread():
    finding = read_yaml(b"\xff" * (MAX_FILE_BYTES + 1))
    assert (finding.rule, finding.arguments["size"]) == (
        "too-large",
        MAX_FILE_BYTES + 1,
    )


def test_alias_bomb_ends_at_its_first_anchor():
    levels = ["a0: &a0 [x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    finding = read_yaml("\n".join(levels).encode())
    assert (finding.rule, finding.line) == ("anchor", 1)


def test_hostile_key_is_shortened_in_the_finding():
    finding = read_yaml(b'"' + b"k" * 500 + b'": 1\n"' + b"k" * 500 + b'": 2\n')
    assert finding.rule == "duplicate-key"
    assert len(str(finding.arguments["name"])) <= 80
    assert "…" in finding.text("ru")


def test_character_that_no_file_can_have_is_described_by_its_kind():
    found = [
        read_yaml(data)
        for data in (b"a: \xed\xa0\xbd\n", "a: \u2028\n".encode(), b"a: \x1b\n")
    ]
    assert [finding.arguments for finding in found] == [
        {"code": "U+D83D", "kind": "half"},
        {"code": "U+2028", "kind": "line"},
        {"code": "U+001B", "kind": "control"},
    ]
    assert to_plain(read_yaml(b'a: "x\\u2028y"\n')) == {"a": "x\u2028y"}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("first aid", "first aid"),
        ("a, b", '"a, b"'),
        ("a: b", '"a: b"'),
        ("no", '"no"'),
        ("", '""'),
        ("a\tb", '"a\\tb"'),
    ],
)
def test_item_of_a_list_is_in_quotes_where_it_would_be_read_as_another_thing(
    text, written
):
    assert format_flow_text(text) == written
