"""Mistakes in config.yaml: each is refused at its key, line and column, and says what is right."""

import sys

import pytest
import yaml
from pydantic import ValidationError

from merlin.config import Config, conflicts, schema
from merlin.config.faults import list_schema_faults
from merlin.config.reading import load
from merlin.core.errors import ConfigError
from merlin.core.i18n import text

pytestmark = pytest.mark.unit

# A part of the text in both languages, and the mistakes that it is about: a key, and the lines
# with "^" before the place that is named and "⏎" between two lines.
MISTAKES = {
    ("a port is a number from 1 to 65535, not", "порт — число от 1 до 65535, а не"): """
database              ^database: 'postgresql://db:99999/x?sslmode=verify-full'
database              ^database: 'postgresql://db:5432,b:0/x?sslmode=verify-full'
database              ^database: 'postgresql://db/x?port=1,70000'
api.listen            api: {^listen: '127.0.0.1:99999'}
engine.listen         engine: {^listen: '127.0.0.1:0'}
api.public_url        api: {^public_url: 'https://h:65536'}
providers.0.base_url  providers: [{name: a, ^base_url: 'http://127.0.0.1:0/v1'}]
telegram.proxy        telegram: {^proxy: 'socks5://h:99999'}
repository.url        repository: {^url: 'ssh://git@h:99999/x.git'}
""",
    ("isn't valid; for example:", "не подходит; например:"): """
database              ^database: 'sqlite:///:memory:'
database              ^database: 'sqlite:///x?mode=memory'
database              ^database: 'mysql://h/x'
database              ^database: ''
providers.0.base_url  providers: [{name: a, ^base_url: ''}]
providers.0.base_url  providers: [{name: a, ^base_url: 'https://h/v1?key=1'}]
providers.0.base_url  providers: [{name: a, ^base_url: 'https://h h/v1'}]
providers.0.base_url  providers: [{name: a, ^base_url: "https://h\\n/v1"}]
telegram.link_url     telegram: {^link_url: 'javascript:alert(1)'}
telegram.webhook_url  telegram: {^webhook_url: 'ftp://h/x'}
telegram.proxy        telegram: {^proxy: 'socks5://h'}
telegram.proxy        telegram: {^proxy: 'http://h:80/path'}
api.public_url        api: {^public_url: 'http://[::1'}
api.listen            api: {^listen: 'host name:1'}
api.listen            api: {^listen: '8701'}
repository.url        repository: {^url: ''}
repository.url        repository: {^url: ~of-nobody/x}
repository.url        repository: {^url: "$HOME/x"}
engine.models.x.path  engine: {models: {x: {^path: "/srv/${NAME}"}}}
engine.answering.vllm_command  engine: {answering: {^vllm_command: "https://h/vllm"}}
api.tls.key           api: {tls: {certificate: c, ^key: "$KEY"}}
providers.0.api_version  providers: [{name: a, base_url: 'https://h', ^api_version: ''}]
providers.0.model     providers: [{name: a, base_url: 'https://h', ^model: "a\\0"}]
engine.answering.vllm_command  engine: {answering: {^vllm_command: ' '}}
plans.p.models.0      plans: {p: {title: {ru: а, en: a}, models: [^'']}}
encoder               ^encoder: ''
encoder               ^encoder: "a\\nb"
api.tls.certificate   api: {tls: {^certificate: "a\\0b", key: k}}
engine.models.x.path  engine: {models: {x: {^path: ''}}}
models.m.price.currency  models: {m: {price: {^currency: usd, input: 1, output: 1, training: 1}}}
models.m.price.currency  models: {m: {price: {^currency: ROUBLE, input: 1, output: 1, training: 1}}}
datasets.default      datasets: {^default: ../x}
chat.vision           chat: {^vision: engine}
chat.vision           chat: {^vision: "engine/\\x1c"}
plans.A               plans: {^A: {title: {ru: а, en: a}}}
engine.training.device  engine: {training: {^device: gpu}}
models.m.sunset       models: {m: {^sunset: 2027-13-01}}
daemon.quiet_s        daemon: {^quiet_s: .inf}
telegram.info.ru      telegram: {info: {^ru: '', en: a}}
""",
    ("neither an address nor a network", "не адрес и не сеть"): """
api.monitoring.0      api: {monitoring: [^abc]}
""",
    ("into the secret PGPASSWORD", "в секрет PGPASSWORD"): """
database              ^database: 'postgresql://a:pass-w@h/x'
database              ^database: 'postgresql://h/x?password=pass-w'
""",
    ("Put user:password into the secret", "Запишите user:password в секрет"): """
repository.url        repository: {^url: 'https://a:pass-w@h/x.git'}
repository.url        repository: {^url: 'https://pass-w@h/x.git'}
telegram.proxy        telegram: {^proxy: 'http://a:pass-w@h:80'}
""",
    ("without a name or password", "без имени и пароля"): """
providers.0.base_url  providers: [{name: a, ^base_url: 'https://a:pass-w@h/v1'}]
""",
    (
        "give the name of an environment variable",
        "указывают имя переменной окружения",
    ): """
providers.0.credential  providers: [{name: a, base_url: 'https://h', ^credential: ''}]
providers.0.credential  providers: [{name: a, base_url: 'https://h', ^credential: a/b}]
providers.0.credential  providers: [{name: a, base_url: 'https://h', ^credential: sk-pass-w}]
""",
    ("neither https nor on this machine", "не https и не эта машина"): """
telegram.base_url     telegram: {^base_url: 'http://example.com'}
telegram.link_url     telegram: {^link_url: 'http://example.com'}
api.public_url        api: {^public_url: 'http://example.com'}
payments.yookassa.base_url  api: {public_url: 'https://h'}⏎payments: {yookassa: {^base_url: 'http://h/v3'}}
""",
    ("neither https, ssh nor a local path", "не https, не ssh и не путь"): """
repository.url        repository: {^url: 'http://example.com/x'}
repository.url        repository: {^url: 'git://example.com/x'}
repository.url        repository: {^url: 'git@[x:y'}
""",
    ("add sslmode=verify-full", "добавьте sslmode=verify-full"): """
database              ^database: 'postgresql://127.0.0.1,db.example.com/x'
database              ^database: 'postgresql://localhost/x?hostaddr=192.0.2.1'
""",
    ("not an address of PostgreSQL", "не адрес PostgreSQL"): """
database              ^database: 'postgresql://db/x?lang=en'
database              allow_plain_http: true⏎^database: 'postgresql://db/x?lang=en'
""",
    ("isn't a branch name", "не имя ветки"): """
repository.branch     repository: {url: ., ^branch: ''}
repository.branch     repository: {url: ., ^branch: -x}
repository.branch     repository: {url: ., ^branch: a b}
repository.branch     repository: {url: ., ^branch: a..b}
repository.branch     repository: {url: ., ^branch: a.lock}
repository.branch     repository: {url: ., ^branch: a~1}
repository.branch     repository: {url: ., ^branch: /a}
engine.models.x.revision  engine: {models: {x: {hub: a/b, ^revision: a b}}}
""",
    ("isn't a folder inside a repository", "не папка внутри репозитория"): """
repository.directory  repository: {url: ., ^directory: /abs}
repository.directory  repository: {url: ., ^directory: ../x}
repository.directory  repository: {url: ., ^directory: a/../b}
repository.directory  repository: {url: ., ^directory: "a\\nb"}
""",
    (
        "unknown time zone Europe/Atlantis",
        "неизвестный часовой пояс Europe/Atlantis",
    ): """
timezone              ^timezone: Europe/Atlantis
""",
    ("unknown time zone ;", "неизвестный часовой пояс ;"): """
timezone              ^timezone: ''
""",
    ("nobody isn't one of providers", "nobody нет среди providers"): """
chat.vision           chat: {^vision: nobody/m}
chat.transcription    chat: {^transcription: nobody/m}
""",
    ("Only ru, en can stand here, found: fr", "только: ru, en, а стоит: fr"): """
language              ^language: fr
""",
    ("is too small, the limit is", "слишком мало, граница"): """
telegram.admins.0     telegram: {admins: [^-5]}
telegram.admins.1     telegram:⏎  admins:⏎  - 1⏎  - ^0
repository.interval_s repository: {url: ., ^interval_s: 0.0000001}
models.m.context      models: {m: {^context: 0}}
plans.free.text.day   plans: {free: {title: {ru: а, en: a}, ^text: -1}}
plans.free.text.month  plans: {free: {title: {ru: а, en: a}, text: {^month: -1}}}
""",
    ("is too large, the limit is", "слишком велико, граница"): """
telegram.admins.0     telegram: {admins: [^4503599627370496]}
daemon.quiet_s        daemon: {^quiet_s: 1.0e+300}
budget.per_job        budget: {^per_job: 1000000000000000000000000000000}
plans.free.text.day   plans: {free: {title: {ru: а, en: a}, ^text: 1000001}}
plans.free.photo.month  plans: {free: {title: {ru: а, en: a}, photo: {^month: 1000001}}}
""",
    ("Expected here:", "Здесь ждали"): """
telegram.admins.0     telegram: {admins: [^vera]}
allow_plain_http      ^allow_plain_http: 1
timezone              ^timezone: 5
encoder               ^encoder: [a]
repository            ^repository:
plans.free.text       plans: {free: {title: {ru: а, en: a}, ^text: [5]}}
plans.free.text.day   plans: {free: {title: {ru: а, en: a}, text: {^day: 1.5}}}
plans.free.price      plans: {free: {title: {ru: а, en: a}, ^price: 5}}
""",
    ("a list, found: a number", "список, а стоит число"): """
telegram.admins       telegram: {^admins: 5}
""",
    ("a list, found: a map", "список, а стоит набор"): """
providers             ^providers: {}
""",
    ("unknown key; did you mean", "такого ключа нет; может быть,"): """
repositori            ^repositori: {}
telegram.admin        telegram: {^admin: [1]}
plans.free.text.days  plans: {free: {title: {ru: а, en: a}, text: {^days: 5}}}
""",
    ("unknown key. All keys: merlin", "такого ключа нет. Все ключи: merlin"): """
engine.port           engine: {^port: 80}
""",
    ("is missing", "не хватает ключа"): """
repository            ^repository: {}
telegram              ^telegram: {mode: webhook}
plans.free.title      plans: {free: {^title: {ru: а}}}
""",
    (
        "at least one of these keys: rub, stars",
        "хотя бы один из ключей: rub, stars",
    ): """
plans.free.price      plans: {free: {title: {ru: а, en: a}, ^price: {}}}
""",
    (
        "at least one of these keys: day, month",
        "хотя бы один из ключей: day, month",
    ): """
plans.free.text       plans: {free: {title: {ru: а, en: a}, ^text: {}}}
""",
    ("Too few parts in plans", "Слишком мало частей в plans"): """
plans                 ^plans: {}
""",
    ("set url and project", "задайте url и project"): """
repository.statuses   repository: {url: ., ^statuses: {kind: github}}
""",
    ("needs api.public_url", "нужен api.public_url"): """
payments.yookassa     payments: {^yookassa: {}}
""",
    ("belongs to Merlin's own", "собственной базовой модели"): """
engine.models.recall  engine: {models: {^recall: {hub: a/b}}}
""",
    ("no such file:", "нет файла"): """
encoder               ^encoder: nowhere
""",
    ("is the address of both the api and the engine", "адрес и api, и движка"): """
api.listen            api: {^listen: '127.0.0.1:8702'}
engine.listen         engine: {^listen: '0.0.0.0:8701'}
engine.listen  providers: [{name: engine, base_url: 'http://[::1]'}]⏎engine: {^listen: '[::]:8701'}
""",
    ("nobody isn't one of plans", "nobody нет среди plans"): """
payments.not_digital.1  plans: {p: {title: {ru: а, en: a}}}⏎payments: {not_digital: [p, ^nobody]}
""",
    ("a is there twice", "a указан дважды"): """
providers.1.name      providers:⏎- {name: a, base_url: 'http://[::1]'}⏎- {^name: a, base_url: 'https://b'}
""",
    ("give either path", "задайте что-то одно"): """
engine.models.a       engine: {models: {^a: {}}}
""",
    ("as text; write 1000", "как текст; запишите 1000"): """
repository.interval_s  repository: {url: ., ^interval_s: 1e3}
telegram.admins.0     telegram: {admins: [^'1000']}
""",
    ("as text; write 0.002500", "как текст; запишите 0.002500"): """
daemon.quiet_s        daemon: {^quiet_s: 25e-4}
""",
    ("the address of both the api and the engine", "адрес и api, и движка"): """
engine.listen         api: {listen: '127.0.0.1:8701'}⏎engine: {^listen: 'localhost:8701'}
""",
    ("the anchor “x” contains itself", "якорь «x» содержит сам себя"): """
-                     a: &x [^*x]
-                     a: &x {b: {c: ^*x}}
""",
    ("is already there in line 2", "уже есть в строке 2"): """
-                     language: ru⏎^language: en
""",
    ("can't be read as YAML", "YAML"): """
-                     providers: [⏎^
-                     # ё^\0
""",
}
ROWS = [
    (phrases, *row.split(None, 1))
    for phrases, rows in MISTAKES.items()
    for row in rows.strip("\n").split("\n")
]


def describe(path, content):
    """Return what is wrong with a configuration, in both languages without the file's name."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as caught:
        load(path)
    error = caught.value
    said = [text(language, error.key, **error.arguments) for language in ("en", "ru")]
    return [each.replace(str(path), "") for each in said]


@pytest.mark.parametrize(("phrases", "key", "line"), ROWS)
def test_mistake_is_told_at_its_key_line_and_column(tmp_path, phrases, key, line):
    before, _, after = f"state_dir: s⏎{line}".replace("⏎", "\n").partition("^")
    place = f":{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}: "
    for said, phrase in zip(
        describe(tmp_path / "config.yaml", before + after), phrases, strict=True
    ):
        assert said.startswith(place if key == "-" else f"{place}{key}: ")
        assert phrase in said
        assert "pass-w" not in said


@pytest.mark.parametrize("name", ["x" * 256, "é" * 128])
@pytest.mark.parametrize("key", ["state_dir", "encoder"])
def test_name_that_no_file_system_takes_is_refused(tmp_path, key, name):
    content = {"state_dir": "s", key: f"a/{name}"}
    said, _ = describe(tmp_path / "config.yaml", yaml.safe_dump(content))
    assert f"{key}: " in said
    assert "isn't valid; for example:" in said
    load_lines(tmp_path, yaml.safe_dump({"state_dir": f"{name[:-1]}/{name[:-1]}"}))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe", ": not UTF-8 text"),
        ("only words", ":1:1: Expected here: a map of “key: value”, found: text."),
        ("", ":1:1: the key state_dir is missing"),
        # A misspelt key is not a missing one too.
        ("state_dirr: x", ":1:1: state_dirr: unknown key; did you mean state_dir?"),
        (
            "a: " + "[" * 50_000,
            ":1:103: Nested too deeply: at most 100 levels are allowed.",
        ),
    ],
)
def test_file_that_is_wrong_as_a_whole(tmp_path, content, said):
    assert describe(tmp_path / "config.yaml", content)[0] == said


def test_package_that_an_encoder_needs_is_named(tmp_path, monkeypatch):
    for name in conflicts.FOLDER_FILES:
        (tmp_path / name).touch()
    monkeypatch.setitem(sys.modules, "onnxruntime", pytest)
    monkeypatch.setitem(sys.modules, "tokenizers", None)  # as one that is not there
    english, russian = describe(tmp_path / "config.yaml", "state_dir: s\nencoder: .\n")
    assert english.startswith(":2:1: encoder: not installed: tokenizers; run")
    assert russian.startswith(":2:1: encoder: не установлено: tokenizers; выполните")


RIGHT = [
    "repository: {url: 'git@git.example.com:a/b.git', branch: 'release/2026-11', directory: a/b/}",
    "repository: {url: 'ssh://git@git.example.com:2222/b.git'}",
    "repository: {url: 'http://127.0.0.1:3000/a/it.git', directory: ''}",
    "database: 'postgresql://merlin@a.example.com:5432,b.example.com:5433/x?sslmode=verify-full'",
    "database: 'postgresql:///merlin?host=/run/postgresql'",
    "telegram: {proxy: 'socks5://[::1]:1080/', admins: [1, 4503599627370495]}",
    "api: {listen: '[::1]:8701', public_url: 'https://пример.рф:8443/'}",
    # Another address, or an engine on another machine.
    "api: {listen: '10.0.0.1:8702'}",
    "api: {listen: '0.0.0.0:8702'}⏎providers: [{name: engine, base_url: 'https://gpu:8702/v1'}]",
    "api: {public_url: ''}⏎telegram: {webhook_url: ''}⏎datasets: {default: ''}",
    "api: {public_url: 'http://merlin.lan'}⏎allow_plain_http: true",
    "providers: [{name: a, base_url: 'https://a_b:80', credential: _a1}]",
    "datasets: {default: глубина-фиксации}",
    "repository: {url: 'git@git.example.com:a/b.git', statuses: {kind: gitea}}",
    "api: {public_url: 'https://h'}⏎payments: {yookassa: {}}",
    "models: {m: {price: {currency: RUB, input: 1, output: 1, training: 1}}}",
    "plans: {free: {title: {ru: а, en: a}, text: 1000000, photo: {day: 0}, models: ['ft:*']}}",
    "providers: [{name: a, base_url: 'https://h', api_version: 2024-10-21-preview, model: a/b:c}]",
    "engine: {answering: {vllm_command: /opt/$v/vllm}}",
    "telegram: &x {mode: polling}⏎chat: {}⏎api: {proxies: &y ['::1'], monitoring: *y}",
]


@pytest.mark.parametrize("lines", RIGHT)
def test_what_is_right_stays_right(tmp_path, lines):
    load_lines(tmp_path, f"state_dir: s⏎{lines}".replace("⏎", "\n"))


def load_lines(folder, content):
    path = folder / "config.yaml"
    path.write_text(content, encoding="utf-8")
    load(path)


def list_keys(root, node, above=()):
    """Yield the way to every key of a schema, and to an entry of every list and table."""
    name = node.get("$ref", "").rpartition("/")[2]
    node = root["$defs"][name] if name else node
    tables = [
        *node.get("patternProperties", {}).values(),
        node.get("additionalProperties"),
    ]
    inner = {**node.get("properties", {}), "free": next(filter(None, tables), None)}
    for step, child in (*inner.items(), (0, node.get("items"))):
        if child:
            yield (*above, step)
            yield from list_keys(root, child, (*above, step))
    for form in node.get("anyOf", ()):
        yield from list_keys(root, form, above)


WRONG_VALUES = [
    *(None, True, -5, 10**30, 1e300, float("inf"), "", "x" * 2000, "a b"),
    *([], [1], {}, {"a": 1}, {"ru": 1}),
]


def test_whatever_pydantic_calls_an_error_has_a_text_in_both_languages():
    root = schema()
    seen = set()
    for steps in list_keys(root, root):
        for value in WRONG_VALUES:
            document = value
            for step in reversed(steps):
                document = [document] if step == 0 else {step: document}
            try:
                Config.model_validate({"state_dir": "s"} | document)
            except ValidationError as error:
                seen |= {each["type"] for each in error.errors()}
                for wrong in list_schema_faults(error, root):
                    assert text("ru", wrong.key, **wrong.arguments)
    assert {
        "tuple_type",
        "dict_type",
        "model_type",
        "is_instance_of",
        "too_short",
    } <= seen
