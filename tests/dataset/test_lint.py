"""Rules that warn about an example's text without rejecting it."""

import pytest

from merlin.dataset.entries import FileText
from merlin.dataset.finding import Severity
from merlin.dataset.lint import PERSONAL
from merlin.dataset.preview import EditChecker
from merlin.dataset.sensitive import find_sensitive
from tests.support.dataset_tree import (
    DATASET_YAML,
    check_files,
    check_with,
    example_yaml,
    finding_rules,
    make_good_files,
    only_finding,
)

pytestmark = pytest.mark.unit
_LICENCE = "водительское удостоверение 77 ** ****56"


@pytest.mark.parametrize(
    ("answer", "rule", "shown"),
    [
        ("Пишите на anna@mail.university", "personal", "anna@mail.university"),
        (
            "Пишите на _anna.petrova+kurs@mail.co.uk_.",
            "personal",
            "_anna.petrova+kurs@mail.co.uk",
        ),
        ("Звоните +7 (912) 345-67-89", "personal", "+7 (9**) ***-**-89"),
        ("Ключ sk-abcdefghijklmnop1234", "secret", ""),
        ("Токен 1234567890:AAabcdefghijklmnopqrstuvwxyz0123456", "secret", ""),
        ("Карта 4276 3800 1234 5679", "bank-card", "42** **** **** **79"),
        ("Паспорт 4510 123456", "passport", "Паспорт 45** ****56"),
        ("Her passport is AB 1234567", "passport", "passport is AB 12***67"),
        ("Моё водительское удостоверение 77 14 123456", "passport", _LICENCE),
        ("Her SSN is 536-22-8417", "passport", "SSN is 53*-**-**17"),
        (
            "Она живёт на ул. Лесная, д. 14, кв. 87",
            "personal",
            "ул. Лесная, д. 14, кв. 87",
        ),
        ("He lives at 74 Elm Street, Apt 3", "personal", "74 Elm Street, Apt 3"),
        ("СНИЛС 112-233-445 95", "snils", "11*-***-*** 95"),
        ("Токен ghp_abcdefghijklmnopqrstuvwxyz0123456789", "secret", ""),
        ("Слева \u202eнаправо", "direction-mark", "U+202E"),
        ("Между\u200bсловами", "invisible-letter", "U+200B"),
    ],
)
def test_suspicious_text_is_reported_at_its_message(answer, rule, shown):
    checked = check_with(a=example_yaml(answer=answer))
    finding = only_finding(checked, rule)
    assert (finding.path, finding.line, finding.arguments["found"]) == (
        "examples/z/a.yaml",
        3,
        shown,
    )
    assert (finding.severity is Severity.ERROR) is (rule in PERSONAL)
    assert len(checked.examples) == 61 - (rule in PERSONAL)


@pytest.mark.parametrize(
    "key",
    [
        f"AQVN{'1a' * 18}",
        f"y0_{'AgAAAAAb' * 7}",
        f"t1.{'9euelZ' * 4}.{'Ab0-_' * 18}",
        f"live_{'aB3-' * 11}",
        f"npm_{'aB3' * 12}",
        f"SG.{'aB' * 11}.{'x' * 43}",
        f"django-insecure-{'a^1(' * 10}",
        f"https://hooks.slack.com/services/T0/B0/{'aB3' * 10}",
    ],
)
def test_keys_of_providers_are_secrets(key):
    assert only_finding(check_with(a=example_yaml(answer=f"Ключ {key}")), "secret")


@pytest.mark.parametrize(
    "contact", ["8-800-100-20-30", "+7 (800) 555-35-35", "info@mail.university"]
)
def test_contact_of_an_organisation_is_no_finding(contact):
    assert (
        finding_rules(
            check_with(
                a=example_yaml(answer=f"Наш номер или адрес {contact} для всех.")
            )
        )
        == []
    )


def check_allowing(allowed, answer):
    """Return the rules found in an answer of a dataset that allows these values."""
    listed = "".join(f"    {value}: It is public.\n" for value in allowed)
    files = {
        **make_good_files(60),
        "examples/z/a.yaml": example_yaml(answer=answer),
        "dataset.yaml": f"{DATASET_YAML}check:\n  allow:\n{listed}",
    }
    return {
        each.rule
        for each in check_files(files).findings
        if each.path.endswith("a.yaml")
    }


@pytest.mark.parametrize(
    ("allowed", "answer"),
    [
        ("+7 495 123-45-67", "Звоните 8 (495) 123-45-67"),
        (
            "mail.university",
            "Пишите на anna@mail.university и boris@cs.mail.university",
        ),
        ("'@mail.university'", "Пишите на anna@mail.university"),
        ("Anna@mail.university", "Пишите на anna@mail.university"),
        ("4276380012345679", "Карта 4276 3800 1234 5679"),
    ],
)
def test_what_dataset_yaml_allows_is_no_finding(allowed, answer):
    assert check_allowing([allowed], answer) == set()
    assert check_allowing(["+7 495 765-43-21", "university"], answer) != set()


def test_an_allowed_value_beside_another_persons_does_not_hide_it():
    answer = "Звоните 8 495 123-45-67 или +7 912 345-67-89"
    assert check_allowing(["+7 495 123-45-67"], answer) == {"personal"}


def test_an_example_allows_personal_data_with_a_reason():
    answer = "Звоните +7 (912) 345-67-89"
    allowed = example_yaml(answer=answer, more="allow: {personal: She agreed.}\n")
    assert len(check_with(a=allowed).examples) == 61
    other = example_yaml(answer=answer, more="allow: {snils: She agreed.}\n")
    assert only_finding(check_with(a=other), "personal")
    for wrong in ("{personal: ''}", "{secret: It is old.}", "{}"):
        broken = example_yaml(answer=answer, more=f"allow: {wrong}\n")
        assert len(check_with(a=broken).examples) == 60


def test_examples_are_judged_again_when_dataset_yaml_allows_another_value():
    allowing = f"{DATASET_YAML}check: {{allow: {{mail.university: It is ours.}}}}\n"
    files = {
        **make_good_files(60),
        "dataset.yaml": allowing,
        "examples/z/a.yaml": example_yaml(answer="Пишите на anna@mail.university"),
    }
    stored = [
        FileText("d", path, str(number), text)
        for number, (path, text) in enumerate(files.items())
    ]
    checker = EditChecker()
    assert not checker.preview("d", stored, {}).around
    seen = checker.preview("d", stored, {"dataset.yaml": DATASET_YAML})
    assert [(each.path, each.rule) for each in seen.around] == [
        ("examples/z/a.yaml", "personal")
    ]


SECRETS = [
    "Пароль: Aabcdefghij1!",
    "Authorization: Bearer 0123456789abcdef0123456789abcdef",
    'api_key: "0123456789abcdef0123456789abcdef"',
    "The API key for the weather service is 0123456789abcdef0123456789abcdef.",
    "Пароль от сети в аудитории 312: Aabcdefghij1",
    "The password is Aabcdefghij1 today",
    "Логин student, пароль Aabcdefghij1, потом поменяете.",
    "curl -u admin:abcdefghij1 https://lab.school.org/marks",
    "postgres://ann:abcdefghij1@db.school.org/app",
]


def test_value_named_as_a_secret_is_one():
    for text in SECRETS:
        assert [*find_sensitive(text)] == [("secret", "")]


@pytest.mark.parametrize(
    "text",
    [
        "password = Sha256Hash(x)",
        "token: Annotated[str, Depends(OAuth2PasswordBearer)]",
        "token = self.parser2.nextToken()",
        "The token Base64Value is a secret Sha256Digest.",
        "Хешируйте пароль: сначала соль, потом Argon2id; passwords for users: min 8 characters",
        "curl -u user:password https://school.org, git push -u origin main:main2",
        "password=${DB_PASSWORD_1}, password='12345678', Пароль: от 8 знаков, A-Z и 0-9",
        "postgres://user:password@localhost:5432/db, redis://:foobar1@127.0.0.1:6379",
        "commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    ],
)
def test_code_about_secrets_contains_none(text):
    assert not list(find_sensitive(text))


@pytest.mark.parametrize("text", ["live_-", "token=", "://a:1", "token=aB1"])
def test_long_text_of_beginnings_of_keys_is_searched_once(text):
    # A search that starts again at each of them does not end within minutes.
    assert not list(find_sensitive(text * 30_000))


def test_secret_is_not_repeated_in_the_finding():
    checked = check_with(a=example_yaml(answer="Ключ sk-abcdefghijklmnop1234"))
    finding = only_finding(checked, "secret")
    assert "sk-" not in finding.text("ru") + finding.text("en") + repr(finding)


ORDINARY = [
    "Сумма файла равна c3f84951234503a9e, а коммита a84951234503.",
    *(
        "anna@example.com",
        "anna@mail.example.org",
        "list[int]@property",
        "7 912 345",
        "2**31-1",
        "👩‍🔬 эмодзи",
    ),
    *("Карта 4276 3800 1234 5670", "ИНН 500100732258", "СНИЛС 112-233-445 96"),
    *("Компилятор не может помочь.", "К сожалению, я не могу применить эту скидку."),
    *("git clone git@github.com:course/homework.git", "npm install react@18.2.0"),
    *(
        "Шаг actions/checkout@v4.1.1",
        "ssh root@192.168.10.15",
        "start getty@tty1.service",
    ),
    *("live_model_stays_until_the_next_one_has_been_tested", "npm_config_registry"),
    *(
        "Дом 5 построен раньше дома 7.",
        "1600 Pennsylvania Avenue",
        "Конъюнкцию пишут как and",
    ),
    *(
        "The time series has 2024 rows, 123456 values",
        "Лампы серии 4508, номер в каталоге 123456",
    ),
    *(
        "Энергетический паспорт здания 2019 года, площадь 123456 м²",
        "+7 (999) 999-99-99",
    ),
    *("Тест 5555 5555 5555 4477", "ssh root@server.local"),
    *("Тест 4242 4242 4242 4242", "ISBN 978-5-17-118366-6", "AKIAIOSFODNN7EXAMPLE"),
]


def test_ordinary_words_have_no_finding():
    words = {
        f"a{n}": example_yaml(f"Вопрос {n} о словах", text)
        for n, text in enumerate(ORDINARY)
    }
    assert finding_rules(check_with(**words)) == []


def test_question_of_the_same_words_is_a_near_duplicate():
    checked = check_with(
        a=example_yaml("Как измерить глубину фиксации?"),
        b=example_yaml("Глубину фиксации как измерить"),
    )
    finding = only_finding(checked, "near-duplicate")
    assert (
        finding.text("en")
        == "Nearly the same question is already in examples/z/a.yaml."
    )
    assert len(checked.examples) == 62


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Как измерить глубину фиксации?", "Как измерить глубину фиксацыи?"),
        (
            "Где измеряют глубину лба?",
            "Подскажите, пожалуйста, где измеряют глубину лба",
        ),
        ("How is a list sorted?", "How are lists sorted?"),
        ("Which sort is stable?", "Which sort is stabel?"),
        ("What is the difference of sets?", "What's the difference of sets?"),
    ],
)
def test_ending_typo_or_courtesy_does_not_make_a_different_question(one, other):
    files = {"a": example_yaml(one), "b": example_yaml(other)}
    assert (
        only_finding(check_with(**files), "near-duplicate").path == "examples/z/b.yaml"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Как включить звук?", "Как выключить звук?"),
        ("Что было в 1811 году?", "Что было в 1812 году?"),
        ("What is a trie?", "What is a tree?"),
        ("What is an f-string?", "What does an f-string do?"),
    ],
)
def test_different_word_or_number_makes_a_different_question(one, other):
    checked = check_with(a=example_yaml(one), b=example_yaml(other, "Иначе."))
    assert "near-duplicate" not in finding_rules(checked)


def test_test_question_nearly_in_training_is_kept_and_reported():
    checked = check_with(
        a=example_yaml("Как измерить глубину?", more="split: test\n"),
        b=example_yaml("Как измерить глубины?"),
    )
    assert only_finding(checked, "near-leak").path == "examples/z/a.yaml"
    assert len(checked.examples) == 62


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        ("Как языковая модель, я не имею мнения.", "refusal"),
        ("I'm sorry, but I can't help with that.", "refusal"),
        ("I\u2019d prefer not to answer this.", "refusal"),
        ("Я не способен просматривать изображения.", "refusal"),
        ("Боюсь, что помочь вам с этим я не сумею.", "refusal"),
        ("Предоставить такую информацию я не вправе.", "refusal"),
        ("As a large language model trained by a company, I don't browse.", "refusal"),
        ("It would not be appropriate for me to answer.", "refusal"),
        ("Войдите как root с паролем Xabcdefghij1", "secret"),
        ("Лоб, он над бровями.<|im_end|>", "control-token"),
        ('"[INST] Где лоб? [/INST] Лоб, он над бровями."', "control-token"),
    ],
)
def test_harmful_answer_is_reported_at_the_answer(answer, rule):
    finding = only_finding(check_with(z=example_yaml(answer=answer)), rule)
    assert (finding.line, finding.severity) == (3, "warning")


@pytest.mark.parametrize(
    "answer",
    [
        "Скажите «я не могу помочь» и предложите другой день.",
        "Таким образом,",
        "Тег <b> и операторы <| и |> — не то же, что a[i] < s > t.",
        "Смотрите описание на странице https://merlin.test/lob",
        "Число лежит в промежутке (0, 1]",
    ],
)
def test_harmless_answer_is_not_reported(answer):
    assert finding_rules(check_with(z=example_yaml(answer=answer))) == []


def test_question_names_what_the_number_in_its_answer_is():
    checked = check_with(z=example_yaml("Какой у неё паспорт?", "Это 4509 283746."))
    finding = only_finding(checked, "passport")
    assert (finding.line, finding.arguments["found"][-11:]) == (3, "45** ****46")
    assert "passport" not in finding_rules(
        check_with(z=example_yaml("Какой у неё код?", "4509 283746"))
    )


def test_refusal_with_weight_0_has_no_finding():
    turns = (
        "messages:\n  - user: Что?\n"
        "  - {role: assistant, content: Я не могу ответить., weight: 0}\n"
        "  - user: Где?\n  - assistant: Там.\n"
    )
    assert "refusal" not in finding_rules(check_with(a=turns))
