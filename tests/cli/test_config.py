"""`merlin config check`: all errors at once, with line numbers, in the user's language."""

import pytest

from merlin.cli import main

pytestmark = pytest.mark.functional

GOOD = "state_dir: s\n"
FAULTS = [
    ("repositori: {}", ":2: repositori: unknown key; did you mean repository?"),
    (
        "api: {openid: {client_id: '1'}}",
        ":2: api.openid: OpenID Connect was removed: people sign in by the bot",
    ),
    ("engine: {port: 80}", ":2: engine.port: unknown key; did you mean listen, tls, "),
    (
        "engine: {models: {a: {embeddings: yes}}}",
        "engine.models.a.embeddings: the engine no longer",
    ),
    ("payments: {invitation: 5}", ":2: payments.invitation: rewards for invited people"),
    ("plans: {plus: {trial_days: 3}}", ":2: plans.plus.trial_days: free trials were removed"),
    ("engine: {hearing: {model: a}}", ":2: engine.hearing: the engine no longer transcribes; add"),
    ("models: {2: a}", ":2: models.2: expected a group of keys, got a"),
    ("plans: {1: {}}", ":2: plans.1: the key title is missing"),
    ("plans: !!map [a]", ":2:8: YAML error"),
    ("language: fr", ":2: language: fr isn't valid; choose one of: ru, en"),
    ("repository: {branch: main}", ":2: repository: the key url is missing"),
    (
        "repository:\n  url: .\n  interval_s: soon",
        ":4: repository.interval_s: expected a number, got soon",
    ),
    ("repository:\n  url: .\n  interval_s: 0", ":4: repository.interval_s: 0 is too small: more"),
    (
        "telegram:\n  admins:\n  - 1\n  - vera",
        ":5: telegram.admins.1: expected a whole number, got vera",
    ),
    ("providers:\n- name: Ы\n  base_url: x", ":3: providers.0.name: Ы isn't valid; an example"),
    ("chat: {vision: m}", ":2: chat.vision: m isn't valid; an example: engine/"),
    ("chat: {vision: {provider: a, model: m}}", ":2: chat.vision: expected a text, got"),
    ("timezone: ''", ":2: timezone: too short: at least 1 characters"),
    ("plans: {free: {title: {ru: а, en: a}, text: '1'}}", "a whole number or a group of keys"),
    ("plans: {}", ":2: plans: too few entries: at least 1"),
    ("language: ru\nlanguage: en", ":3: The key “language” is already there in line 2"),
    ("sunsets: {gpt: 2027-13-01}", ":2:16: 2027-13-01 isn't a possible date or number"),
    (f"daemon: {{quiet_s: {'9' * 5000}}}", ":2:19: 99"),
    ("daemon: {quiet_s: .inf}", ":2: daemon.quiet_s: expected a number, got Infinity"),
    (
        "models: {m: {price: {input: .inf, output: 1, training: 1}}}",
        ":2: models.m.price.input: expected a number, got Infinity",
    ),
    (f"language: {'x' * 5000}", "xxx… isn't valid"),
    ("a: b: c", ":2:5: YAML error: mapping values are not allowed"),
    ("api: {listen: '127.0.0.1:99999'}", ":2: api.listen: 127.0.0.1:99999 isn't valid; an example"),
    ("database: 'postgresql://[::1'", ":2: database: postgresql://[::1 isn't valid; an example"),
    (
        "repository: {url: 'git@[x:y', statuses: {kind: github}}",
        ":2: repository.url: ssh://git@[x/y",
    ),
    (
        "providers:\n- {name: a, base_url: 'http://127.0.0.1:99999/v1'}",
        ":3: providers.0.base_url: http://127.0.0.1:99999/v1 isn't valid; an example",
    ),
    (
        "providers: [{name: a, base_url: 'http://127.0.0.1'}, {name: a, base_url: 'http://localhost'}]",
        ": providers: a is there twice; give each its own name",
    ),
    ("telegram: {mode: webhook}", ": telegram: the key webhook_url is missing"),
    ("api: {public_url: merlin.example.com}", ":2: api.public_url: merlin.example.com isn't valid"),
    ("telegram: {base_url: 'https:///bot'}", ":2: telegram.base_url: https:///bot isn't valid"),
    ("retention: {turns_days: 999999}", ":2: retention.turns_days: 999999 is too large: at most"),
    ("repository: {url: ~of-nobody/x}", ":2: repository.url: ~of-nobody/x isn't valid; an example"),
    ("api: {public_url: 'http://[::1'}", ":2: api.public_url: http://[::1 isn't valid; an example"),
]


@pytest.fixture
def judge(tmp_path, capsys):
    """Return a function that checks a configuration: (exit code, output without the file name)."""

    def call(said):
        path = tmp_path / "config.yaml"
        path.write_bytes(said if isinstance(said, bytes) else said.encode())
        code = main(["config", "check", "--config", str(path)])
        return code, capsys.readouterr().err.replace(str(path), "")

    return call


@pytest.mark.parametrize(("expected", "expected_text"), FAULTS)
def test_error_is_reported_at_its_line(judge, expected, expected_text):
    code, output = judge(GOOD + expected)
    assert (code, expected_text in output) == (2, True), output


@pytest.mark.parametrize(("host", "code"), [("127.0.0.1:3000", 0), ("git.example.com", 2)])
def test_repository_may_be_read_over_plain_http_on_this_machine_only(judge, host, code):
    assert judge(f"{GOOD}repository: {{url: 'http://{host}/a/it.git'}}\n")[0] == code


def test_all_errors_are_reported_at_once_one_per_line(judge):
    code, output = judge("language: fr\nrepositori: {}\ntelegram: {admins: [vera]}\n")
    lines = output.removeprefix("merlin: ").splitlines()
    assert (code, len(lines)) == (2, 4)
    assert any("the key state_dir is missing" in line for line in lines)


@pytest.mark.parametrize(
    ("expected", "expected_text"),
    [
        ("state_dir: s\nproviders: [", ":3:1: YAML error"),
        ("state_dir: s\n# ё\0", ":2:4: YAML error: unacceptable character #x0000"),
        ("--- a\n...\nx", ":3:1: YAML error: did not find expected <document start>"),
        ("state_dir: !!x s", ":1:12: YAML error: could not determine a constructor for the tag"),
        (b"\xff\xfe", ": this isn't a text in UTF-8"),
        ("only words", ":1: expected a group of keys, got only words"),
        ("", ":1: the key state_dir is missing"),
    ],
)
def test_invalid_file_is_reported(judge, expected, expected_text):
    code, output = judge(expected)
    assert (code, expected_text in output) == (2, True), output


def test_errors_are_reported_in_russian(judge, monkeypatch):
    monkeypatch.setenv("MERLIN_LANGUAGE", "ru")
    told = judge("language: fr\nrepositori: {}\n")[1]
    assert ":1: не хватает ключа state_dir" in told
    assert ":1: language: fr не подходит, можно: ru, en" in told
    assert ":2: repositori: такого ключа нет; может быть, repository?" in told


def test_semantic_errors_are_reported_in_russian(judge, monkeypatch):
    monkeypatch.setenv("MERLIN_LANGUAGE", "ru")
    told = judge(
        GOOD
        + "timezone: Europe/Atlantis\ntelegram: {base_url: 'http://example.com'}\n"
        + "chat: {vision: other/m}\nengine: {models: {a: {}}}\n"
    )[1]
    assert ": timezone: неизвестный часовой пояс Europe/Atlantis" in told
    assert ": telegram.base_url: http://example.com — не https" in told
    assert ": chat.vision: other нет среди providers" in told
    assert ": engine.models.a: задайте что-то одно" in told


def test_missing_configuration_is_reported_with_how_to_create_one(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["status"]) == 2
    errors = capsys.readouterr().err
    assert "config.yaml not found" in errors
    assert "merlin config sample > config.yaml" in errors


def test_folder_in_its_place_is_reported(tmp_path, capsys):
    assert main(["config", "check", "--config", str(tmp_path)]) == 2
    assert "can't be read: Is a directory" in capsys.readouterr().err
