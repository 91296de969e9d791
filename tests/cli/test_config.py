"""`merlin config check`: all errors at once, with line numbers, in the user's language."""

import pytest

from merlin.cli import main

pytestmark = pytest.mark.functional

GOOD = "state_dir: s\n"
FAULTS = [
    ("repositori: {}", ":2: repositori: unknown key. All keys: merlin config sample"),
    ("engine: {port: 80}", ":2: engine.port: unknown key"),
    ("plans: {A: {title: {ru: а, en: a}}}", ":2: plans.A: String should match"),
    ("language: ru\nlanguage: en", ":3: The key “language” is already there in line 2"),
    ("telegram:\n  admins:\n  - 1\n  - vera", ":5: telegram.admins.1: Input should be a valid int"),
    (
        "models: {m: {sunset: 2027-13-01}}",
        ":2: models.m.sunset: 2027-13-01 isn't valid; for",
    ),
    ("daemon: {quiet_s: .inf}", ":2: daemon.quiet_s: Input should be a finite number"),
    (
        "api: {listen: '127.0.0.1:99999'}",
        ":2: api.listen: 127.0.0.1:99999 isn't valid; for",
    ),
    (
        "api: {public_url: 'http://[::1'}",
        ":2: api.public_url: http://[::1 isn't valid; for",
    ),
    (
        "repository: {url: 'git@[x:y', statuses: {kind: github}}",
        ":2: repository.url: ssh://git@[x/y",
    ),
    (
        "repository: {url: ~of-nobody/x}",
        ":2: repository.url: ~of-nobody/x isn't valid; for",
    ),
    (
        "providers: [{name: a, base_url: 'http://127.0.0.1'}, {name: a, base_url: 'http://localhost'}]",
        ": providers: a is there twice; give each its own name",
    ),
    ("telegram: {mode: webhook}", ": telegram: the key webhook_url is missing"),
    ("providers: [{name: a, base_url: 'http://example.com'}]", "neither https nor on this"),
    ("repository: {url: 'git://example.com/x'}", "neither https, ssh"),
    ("database: 'postgresql://127.0.0.1,db.example.com/x'", "sslmode=verify-full"),
    ("database: 'postgresql://localhost/x?hostaddr=192.0.2.1'", "sslmode=verify-full"),
    ("database: 'postgresql://db/x?lang=en'", "not an address of PostgreSQL"),
    ("providers: [", ":3:1: This can't be read as YAML"),
    ("# ё\0", ":2:4: This can't be read as YAML"),
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
    ("content", "expected"),
    [
        (b"\xff\xfe", ": not UTF-8 text"),
        ("only words", ":1: Input should be a valid dictionary"),
        ("", ":1: the key state_dir is missing"),
    ],
)
def test_invalid_file_is_reported(judge, content, expected):
    code, output = judge(content)
    assert (code, expected in output) == (2, True), output


def test_errors_are_reported_in_russian(judge, monkeypatch):
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
