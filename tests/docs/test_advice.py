"""What the product's texts tell people to run, to set and to write: it can be done as it stands."""

import json
import re
import textwrap
from functools import cache
from itertools import zip_longest
from pathlib import Path

import pytest
import typer
import yaml
from jsonschema import Draft202012Validator

from docs.build.commands import find_commands
from docs.build.configuration import CONFIG_KEYS, keys_of
from merlin.cli.output import NEXT_COMMANDS
from merlin.cli.provider_checks import CHECKS
from merlin.config import schema
from merlin.core.i18n import LANGUAGES
from merlin.dataset.spec import schema_text
from tests.support.markdown_pages import ROOT, all_pages

pytestmark = pytest.mark.unit

# typer's own copy of click has no public name for it.
UsageError = typer.BadParameter.__base__
WORD = r"[a-z0-9](?:[\w./-]*\w)?"
PLACEHOLDER = r"\{ ?\$?\w+ ?\}|[A-ZА-ЯЁ]{2,}(?:/[A-ZА-ЯЁ]+)*"
TOKEN = rf"(?:{PLACEHOLDER}|-{{1,2}}[a-z][\w-]*|-(?= |$)|'[^']*'|\"[^\"]*\"|{WORD})"
COMMAND = re.compile(rf"\bmerlin((?: {TOKEN})+)")
# The ends of names of files, of ours and of others.
FILE = re.compile(
    r".*\.(conf|cpp|db|ftl|git|html|jinja|jsonl?|key|md|npz|py|safetensors|target|txt|ya?ml)"
)
KEY = r"[a-z][a-z_0-9]*(?:\.[a-z][a-z_0-9]*)+"


def list_texts(language):
    """Yield (place, line) of each line of the texts."""
    for path in sorted((ROOT / "merlin/locale" / language).glob("*.ftl")):
        name = ""
        for line in path.read_text("utf-8").splitlines():
            if not line.startswith("#"):
                name = line.split(" = ")[0] if re.match("[a-z]", line) else name
                yield name, line


def list_others():
    """Yield (place, line) of what tells commands beside the texts."""
    for key, command in NEXT_COMMANDS.items():
        yield key, re.sub(r"\{\w+\}", "VALUE", command)
    for words, command in read_commands().items():
        for told in (command.help, *(each.help for each in command.params)):
            yield words, told or ""
    for path in sorted((ROOT / "merlin/web").rglob("*.html")):
        for code in re.findall(r"<code>(merlin .*?)</code>", path.read_text("utf-8")):
            yield path.name, re.sub(r"\{\{.*?\}\}", "VALUE", code)


read_commands = cache(find_commands)


def find_commands_of(line):
    """Yield the tokens of each command that a line names."""
    for found in COMMAND.findall(line):
        yield re.findall(TOKEN, found)


def split_words(tokens):
    """Return the command and the tokens after it. Raises KeyError for no command."""
    for count in (3, 2, 1):
        if words := read_commands().get(" ".join(tokens[:count])):
            return words, tokens[count:]
    raise KeyError(" ".join(tokens))


def check_command(tokens):
    """Parse a command as its program does; return its parameter behind each placeholder.

    Words of the sentence may follow it, but no option and no placeholder is left out.
    """
    command, rest = split_words(tokens)
    fault = None
    for end in range(len(rest), -1, -1):
        if end < len(rest) and not re.fullmatch(WORD, rest[end]):
            continue
        placed = [
            "1" if re.fullmatch(PLACEHOLDER, each) else each for each in rest[:end]
        ]
        try:
            command.make_context(" ".join(tokens), placed).close()
        except UsageError as error:
            fault = fault or error
        else:
            return [*pair_placeholders(command, rest[:end])]
    raise fault


def pair_placeholders(command, rest):
    """Yield (placeholder, names of its parameter) of a command line."""
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    by_option = {option: each for each in command.params for option in each.opts}
    option = None
    for token in rest:
        parameter = option
        if token in by_option:
            option = None if by_option[token].is_flag else by_option[token]
            continue
        if option is None:
            parameter = arguments[0]
            arguments = arguments[1:] or arguments
        elif option.nargs == 1:
            option = None
        if re.fullmatch(PLACEHOLDER, token):
            names = [parameter.name, *(parameter.metavar or "").lower().split()]
            yield token, {name.rstrip("s") for name in names}


def find_faults(lines):
    """Return what cannot be run as it stands, and placeholders of another kind."""
    faults = []
    for place, line in lines:
        for tokens in find_commands_of(line):
            try:
                pairs = check_command(tokens)
            except (UsageError, KeyError) as error:
                faults.append((place, " ".join(tokens), str(error)))
                continue
            for placeholder, names in pairs:
                name = placeholder.strip("{ $}").lower().rstrip("s")
                if name != "value" and name.isascii() and name not in names:
                    faults.append((place, " ".join(tokens), f"{name} is no {names}"))
    return faults


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_command_of_the_texts_can_be_run_as_it_stands(language):
    assert find_faults(list_texts(language)) == []


def test_every_command_beside_the_texts_can_be_run_as_it_stands():
    assert find_faults(list_others()) == []


def test_every_unit_of_the_texts_exists():
    units = {
        unit
        for language in LANGUAGES
        for _, line in list_texts(language)
        for unit in re.findall(r"\bsystemctl [\w -]+? (merlin[\w.@-]+\w)", line)
    }
    assert units
    assert {unit for unit in units if not (ROOT / "systemd" / unit).is_file()} == set()


def test_both_languages_tell_the_same_commands():
    def tell(language):
        for place, line in list_texts(language):
            for tokens in find_commands_of(line):
                _, rest = split_words(tokens)
                plain = [
                    re.sub(PLACEHOLDER, "X", each)
                    for each in rest
                    if not re.fullmatch(WORD, each)
                ]
                # What is quoted is in the reader's language.
                yield place, [re.sub("'.*'", "X", each) for each in plain]

    assert not [
        pair for pair in zip_longest(*map(tell, LANGUAGES)) if pair[0] != pair[1]
    ]


@pytest.mark.parametrize(
    "line",
    [
        "Run merlin jog list",
        "merlin check --nothing",
        "merlin schema prints the known keys",
        "merlin import --columns QUESTION ANSWER",
        "merlin provider test { $provider }",
        "merlin jobs launch JOB",
        "merlin builds --dataset { $name }",
        "merlin models export { $dataset } --to FOLDER",
    ],
)
def test_command_that_fails_when_followed_is_found(line):
    assert find_faults([("", line)])


@pytest.mark.parametrize(
    "line",
    [
        "the command merlin check finds errors",
        "merlin import FILE --dataset DATASET --columns QUESTION ANSWER",
        "merlin models export MODEL --to FOLDER. Then",
    ],
)
def test_command_within_a_sentence_is_read(line):
    assert find_faults([("", line)]) == []


# Beside the command that writes a model for other programs, to be copied.
OF_COMMANDS = {"page-eval-leave-hint"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_of_a_page_names_a_command(language):
    named = {
        place
        for place, line in list_texts(language)
        if place.startswith(("page-", "finding-"))
        and re.search(rf"{COMMAND.pattern}|--[a-z]", line)
    }
    assert named == OF_COMMANDS


@cache
def read_schemas():
    """Return the schemas of the files that people write."""
    names = ("dataset", "example", "course")
    return [schema(), *(json.loads(schema_text(name)) for name in names)]


@cache
def read_keys():
    """Return each key of the files that people write, with its schema."""
    keys = {path: node for path, node, _ in CONFIG_KEYS}
    for each in read_schemas()[1:]:
        keys |= {path: node for path, node, _ in keys_of(each, each)}
    return {path.replace("[]", ""): node for path, node in keys.items()}


@cache
def read_sections():
    return {path.partition(".")[0] for path in read_keys()}


def is_known_key(name):
    return name in read_keys() or any(
        path.endswith(f".{name}") or re.sub(r"<\w+>", "x", path) == name
        for path in read_keys()
    )


def find_keys(line):
    """Return the keys with points that a line names; addresses have none."""
    return re.findall(rf"(?<![\w/.@-])({KEY})(?![\w/@-])", line)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_key_of_the_texts_exists(language):
    unknown = [
        (place, key)
        for place, line in list_texts(language)
        for key in find_keys(line)
        if not FILE.fullmatch(key) and not is_known_key(key)
    ]
    assert unknown == []


def test_every_key_of_the_pages_exists():
    """Where it begins with a section of one of the files."""
    unknown = [
        (page.path.name, key)
        for page in all_pages()
        for code in page.codes
        for key in re.findall(rf"^({KEY})(?:: .*)?$", code)
        if key.partition(".")[0] in read_sections() and not FILE.fullmatch(key)
        if not is_known_key(key) and key not in CHECKS
    ]
    assert unknown == []


# In code, in brackets or after what asks to set it; other pairs are sentences.
PAIR = re.compile(rf"(?:[`(]|\b[Ss]et |адайте )({KEY}|[a-z_]+): ([a-z_]+)")


def list_values(name):
    """Return the words that a key takes, by its last step; none where it takes others too."""
    found = set()
    for path, node in read_keys().items():
        if path.rpartition(".")[2] == name:
            ways = [node, node.get("then", {}), *node.get("anyOf", ())]
            found |= {word for way in ways for word in way.get("enum", ())}
            found |= {way["const"] for way in ways if "const" in way}
            found |= {"true", "false"} if node.get("type") == "boolean" else set()
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_value_of_a_key_of_the_texts_is_one_that_it_takes(language):
    told = set()
    for place, line in list_texts(language):
        for key, value in PAIR.findall(line):
            name = key.rpartition(".")[2]
            if values := list_values(name):
                assert value in values, (place, line)
                told.add((name, value))
    assert {("gate", "none"), ("method", "kto"), ("split", "test")} <= told


def test_every_page_of_the_texts_exists():
    for language in LANGUAGES:
        for place, line in list_texts(language):
            for path in re.findall(r"\b(?:docs|deploy|systemd)/[\w./-]+\w", line):
                assert Path(ROOT, path).exists(), place


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_piece_of_yaml_in_the_texts_is_yaml(language):
    for place, line in list_texts(language):
        for code in re.findall(
            r"`([^`]+)`", line.replace('{"{"}', "{").replace('{"}"}', "}")
        ):
            if re.match(r"[a-z_]+: ", code):
                read = yaml.safe_load(code)
                assert all(is_known_key(key) for key in read), place


def read_text_keys(value):
    """Return a document whose keys are texts, as our readers take them: `off` is no `false`."""
    if isinstance(value, dict):
        words = {True: "on", False: "off"}
        return {
            words.get(key, key): read_text_keys(each) for key, each in value.items()
        }
    return [*map(read_text_keys, value)] if isinstance(value, list) else value


def list_blocks():
    """Yield (page, document) of each piece of a file of ours on the pages."""
    for page in all_pages():
        blocks = re.findall(
            r"^ *```yaml\n(.*?)^ *```", page.text, re.MULTILINE | re.DOTALL
        )
        for block in blocks:
            # Of programs of others: their commands, and places that they fill in.
            if not re.search(r"\bscript:|\{\{", block):
                read = yaml.safe_load_all(textwrap.dedent(block))
                yield from ((page.path, read_text_keys(each)) for each in read)


def test_every_piece_of_our_files_on_the_pages_is_valid():
    counts = dict.fromkeys(LANGUAGES, 0)
    for path, document in list_blocks():
        fitting = [
            each for each in read_schemas() if {*document} <= {*each["properties"]}
        ]
        faults = [
            [
                fault.message
                for fault in Draft202012Validator(each).iter_errors(document)
                if fault.validator != "required"
            ]
            for each in fitting
        ]
        assert not faults or [] in faults, (path, document, faults)
        if fitting:
            counts[path.parent.name] += 1
    assert counts["en"] == counts["ru"] > 10
