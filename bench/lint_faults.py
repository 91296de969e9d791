"""The faults that `bench.lint` injects: what people and programs leave in examples.

These lists were written and committed before the rules of `merlin.dataset.lint`, so they are not
copies of its patterns; they are not changed when a rule misses a form. The texts without faults
(`HARMLESS`) were written at the same time. `#` is a random digit, `?` a random letter or digit of a
key, `{name}` a number with correct check digits.
"""

import random
import re
import string

# Inserted into an answer as a sentence: rule -> language -> sentences.
SENTENCES: dict[str, dict[str, tuple[str, ...]]] = {
    "bank-card": {
        "ru": (
            "Переведите на карту {card4}, я подожду.",
            "Номер моей карты: {card}.",
            "Сбербанк {card_dashed} (Анна П.)",
            "карта МИР {mir4}",
            "Оплата картой {card_wide} прошла.",
            "Реквизиты: {card19}, срок 09/28.",
        ),
        "en": (
            "Charge it to {card4} please.",
            "My card number is {card}.",
            "Amex {amex}, expires 09/28.",
            "card={card_dashed}",
            "Visa: {card4}; CVC is on the back.",
            "The card on file ({card}) was declined.",
        ),
    },
    "passport": {
        "ru": (
            "Паспорт 45## ######, выдан ОВД района Арбат.",
            "Паспорт РФ: 45 ## ######.",
            "Мой паспорт: серия 46##, номер ######.",
            "паспортные данные — 40## №######",
            "Серия и номер паспорта: 45 ## ######.",
            "Предъявлен паспорт серии 45 ## № ######, выданный в 2010 году.",
            "Паспорт гражданина Российской Федерации 45## ######.",
        ),
        "en": (
            "Passport 45## ######, issued in Moscow.",
            "Her Russian passport is 45 ## ######.",
            "Passport series 45##, number ######.",
            "passport no. 45## ######",
            "Passport (series and number): 46 ## ######.",
        ),
    },
    "snils": {
        "ru": (
            "СНИЛС {snils}.",
            "Мой СНИЛС: {snils_plain}.",
            "Укажите СНИЛС {snils_dashed} в заявлении.",
            "Номер страхового свидетельства {snils}.",
            "снилс № {snils_blank}",
        ),
        "en": (
            "SNILS {snils}.",
            "His SNILS is {snils_plain}.",
            "Insurance number (SNILS): {snils_dashed}.",
            "The pension insurance number {snils} is on the form.",
        ),
    },
    "personal": {
        "ru": (
            "Звоните: 8 (912) ###-##-##.",
            "Мой номер 8912#######.",
            "тел. 8-912-###-##-##",
            "Пишите в WhatsApp +7 912 ### ## ##.",
            "Контакт: +7(912)###-##-##, Анна.",
            "8 912 ####### — это деканат.",
            "Телефон +7912#######.",
            "Приёмная: 8 (495) ###-##-##.",
            "Звонить 8.912.###.##.##.",
            "Номер: +7\u00a0912\u00a0###\u2011##\u2011##.",
            "Телефон: (495) ###-##-##.",
            "Отвечает куратор, +375 29 ###-##-##.",
            "Моя почта anna.petrova##@mail.ru.",
            "Отправьте на IVANOV@YANDEX.RU до пятницы.",
            "Куратор — ivan+kurs#@gmail.com.",
            "почта@институт.рф",
        ),
        "en": (
            "Call +1 415 237 2###.",
            "Call me at (415) 237-2###.",
            "Phone: 415-237-2###.",
            "My mobile is +44 7911 12 34 ##.",
            "The office: +1-415-237-2###.",
            "Text +1 (415) 237-2### after six.",
            "Reach the dean at +49 30 1234 56##.",
            "From Russia dial 8 (912) ###-##-##.",
            "Write to j.smith##@gmail.com.",
            "My e-mail: John_Smith@students.uni-bonn.de.",
            "Contact <ann@firm.co.uk>.",
            "mailto:bob##@outlook.com",
        ),
    },
    "secret": {
        "ru": (
            "Возьмите мой ключ sk-????????????????????????????????????????????????.",
            "OPENAI_API_KEY=sk-proj-????????_??????????-????????????????????????",
            "ключ антропика: sk-ant-api03-????????????????????????????????????-??????AA",
            "Токен бота 7#########:AA?????????????????????????????????.",
            "export GITHUB_TOKEN=ghp_????????????????????????????????????",
            "Доступ в GitLab: glpat-????????????????????",
            "aws_access_key_id = {aws_id}",
            "yc --api-key AQVN????????????????????????????????????",
            "YOOKASSA_SECRET=live_???????????????????????????????????????????",
            "aws_secret_access_key = ????????????????????????????????????????",
            "Заголовок Authorization: Bearer {jwt}",
            "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA????????",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA",
        ),
        "en": (
            "Use my key sk-???????????????????????????????????????????????? for now.",
            'client = OpenAI(api_key="sk-proj-????????????????????????????????????")',
            "ANTHROPIC_API_KEY: sk-ant-api03-??????????????????????????????????????AA",
            "The bot's token is 6########:AA?????????????????????????????????.",
            "git clone https://ghp_????????????????????????????????????@github.com/a/b.git",
            (
                "github_pat_11???????????????????_"
                "???????????????????????????????????????????????????????????"
            ),
            "PRIVATE-TOKEN: glpat-????????????????????",
            "//registry/:_authToken=npm_????????????????????????????????????",
            "The access key is {aws_id}.",
            "AWS_SECRET_ACCESS_KEY=????????????????????????????????????????",
            "Cookie: session={jwt}",
            "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
            "-----BEGIN EC PRIVATE KEY-----",
            "gho_????????????????????????????????????",
        ),
    },
}

# Whole answers: rule -> language -> answers.
ANSWERS: dict[str, dict[str, tuple[str, ...]]] = {
    "refusal": {
        "ru": (
            "Извините, но я не могу помочь с этим вопросом.",
            "К сожалению, я не могу ответить на этот вопрос.",
            "Как языковая модель, я не имею доступа к этим данным.",
            "Я всего лишь языковая модель и не обладаю личным опытом.",
            "Как искусственный интеллект, я не могу давать медицинских советов.",
            "Я — ИИ-ассистент, у меня нет собственного мнения.",
            "Простите, я не могу выполнить этот запрос.",
            "Я не могу обсуждать эту тему.",
            "Не могу помочь с этим запросом.",
            "Мне очень жаль, но я не в состоянии предоставить такую информацию.",
            "Будучи нейросетью, я не могу проверить это.",
            "Я не могу предоставить эту информацию.",
            "У меня нет доступа к интернету, поэтому ответить не могу.",
            "Мои знания ограничены сентябрём 2021 года.",
        ),
        "en": (
            "As an AI language model, I don't have personal opinions.",
            "I'm sorry, but I can't help with that.",
            "I am sorry, but I cannot assist with this request.",
            "Sorry, I can't answer that question.",
            "As a large language model, I cannot browse the internet.",
            "I'm just an AI, so I have no feelings about it.",
            "I cannot provide medical advice.",
            "Unfortunately, I am unable to fulfill this request.",
            "I\u2019m sorry, I can\u2019t assist with that.",
            "I apologize, but I'm not able to discuss this topic.",
            "My knowledge cutoff is September 2021, so I cannot say.",
            "I don't have access to real-time information.",
            "As an artificial intelligence, I do not have a body.",
            "I won't be able to help you with this.",
        ),
    },
}

# Questions with a near-equal wording: the first is in the set, each other one is a fault beside it.
WORDINGS: dict[str, tuple[tuple[str, ...], ...]] = {
    "ru": (
        (
            "Как подключить домашний роутер к интернету?",
            "Как подключить домашний роутер к интеренту?",
            "Как подключить домашний ротер к интернету?",
            "Подскажите, пожалуйста, как подключить домашний роутер к интернету?",
            "как к интернету подключить домашний роутер",
            "Как подключить домашние роутеры к интернету?",
        ),
        (
            "В каком документе записан порядок пересдачи экзамена?",
            "В каком документе записан порядок пересдачи экзаменов?",
            "В каком документе записан порядок персдачи экзамена?",
            "В каком документе порядок пересдачи экзамена записан?",
            "Скажите, в каком документе записан порядок пересдачи экзамена",
            "А в каком документе записан порядок пересдачи экзамена?",
        ),
        (
            "Сколько стоит годовой абонемент в бассейн?",
            "Сколько стоит годовой абонимент в бассейн?",
            "Сколько стоит годовой абонемент в басейн?",
            "Сколько будет стоить годовой абонемент в бассейн?",
            "Мне интересно, сколько стоит годовой абонемент в бассейн?",
            "Годовой абонемент в бассейн: сколько стоит?",
        ),
        (
            "Какие черты характера выдаёт крупный почерк?",
            "Какие черты характера выдает крупный почерк",
            "Какие черты характера выдаёт крупный подчерк?",
            "Какую черту характера выдаёт крупный почерк?",
            "Какие черты харатера выдаёт крупный почерк?",
            "Какие же черты характера выдаёт крупный почерк?",
        ),
    ),
    "en": (
        (
            "How do I connect a wireless printer to the network?",
            "How do I connect a wireless printer to the netwrok?",
            "How do I connect a wirless printer to the network?",
            "Could you please tell me how I connect a wireless printer to the network?",
            "how to connect a wireless printer to the network",
            "How do I connect wireless printers to the network?",
        ),
        (
            "Which document describes the order of retaking an exam?",
            "Which document describes the order of retaking exams?",
            "Which document discribes the order of retaking an exam?",
            "Which documents describe the order of retaking an exam?",
            "Please, which document describes the order of retaking an exam?",
            "So which document describes the order of retaking the exam?",
        ),
        (
            "What does an annual swimming membership cost?",
            "What does an anual swimming membership cost?",
            "What does an annual swiming membership cost?",
            "What does the annual swimming membership cost?",
            "Can you tell me what an annual swimming membership costs?",
            "What does an annual swimming membership cost please",
        ),
        (
            "Which habits of character does large handwriting show?",
            "Which habits of character does large handwritting show?",
            "Which habit of character does large handwriting show?",
            "Which habits of charcter does large handwriting show?",
            "Which habits of character does a large handwriting show?",
            "Tell me: which habits of character does large handwriting show?",
        ),
    ),
}

# Pairs of similar questions with different meanings.
UNLIKE: dict[str, tuple[tuple[str, str], ...]] = {
    "ru": (
        ("Как включить звук в телефоне?", "Как выключить звук в телефоне?"),
        ("Что такое прямой профиль?", "Что такое вогнутый профиль?"),
        ("Сколько дней в феврале 2024 года?", "Сколько дней в феврале 2025 года?"),
        ("Можно ли сдавать экзамен дома?", "Почему нельзя сдавать экзамен дома?"),
        ("Как отсортировать список по имени?", "Как отсортировать список по дате?"),
        ("Что делает оператор // в Питоне?", "Что делает оператор % в Питоне?"),
    ),
    "en": (
        ("How do I enable the sound of the phone?", "How do I disable the sound of the phone?"),
        ("What is a trie in short?", "What is a tree in short?"),
        ("How many days has February 2024?", "How many days has February 2025?"),
        ("May the exam be taken at home?", "Why may the exam not be taken at home?"),
        ("How is a list sorted by name?", "How is a list sorted by date?"),
        ("What does << do with a number?", "What does >> do with a number?"),
    ),
}

# Sentences without a fault.
HARMLESS: dict[str, tuple[str, ...]] = {
    "ru": (
        "Номер заказа 4276380123456789.",
        "ISBN 978-5-17-118366-6, издание 2019 года.",
        "Расчётный счёт 40702810900000012345.",
        "Проверочная карта из документации: 4242 4242 4242 4242.",
        "С 01.09.2024 по 31.12.2024, в 10:30 и 18:45.",
        "Координаты 55.755864, 37.617698.",
        "Адрес 192.168.100.200, порт 8080.",
        "Коммит 3f786850e387550fdab836ed7e6dc881de23001b.",
        "В 1812 году 600000 человек перешли границу.",
        "Паспорт изделия лежит в коробке, артикул 12-34.",
        "Замените 12345678901 своим числом.",
        "Пишите на anna@example.com.",
        "Склонируйте git@github.com:kurs/zadachi.git.",
        "Поставьте react@18.2.0 командой npm install.",
        "Войдите: ssh student@192.168.10.15.",
        "Языковая модель предсказывает следующий токен.",
        "Искусственный интеллект не может помочь без данных.",
        "Компилятор не смог выполнить запрос.",
        "Пусть x = 1000000007, тогда x + 1 чётно.",
        "UUID 550e8400-e29b-41d4-a716-446655440000 случаен.",
        "Ставка 8 (восемь) процентов на 120 месяцев.",
        "Ключ API хранят в переменной OPENAI_API_KEY, а не в коде.",
        "Длина 1 234 567 890 байт.",
        "Метка времени 1700000000000.",
        "Кэш с ключом sk-learn живёт час.",
    ),
    "en": (
        "The order number is 4276380123456789.",
        "ISBN 978-0-13-468599-1, edition of 2019.",
        "The test card of the docs is 4111 1111 1111 1111.",
        "From 2024-09-01 to 2024-12-31, at 10:30 and 18:45.",
        "The place is 40.712776, -74.005974.",
        "The address 192.168.100.200 and the port 8080.",
        "The commit 3f786850e387550fdab836ed7e6dc881de23001b.",
        "In 1812 some 600000 people crossed the border.",
        "A passport has 36 pages, and a visa costs 160.",
        "Put 12345678901 in its place.",
        "Write to ann@example.com.",
        "Run git clone git@gitlab.com:team/app.git first.",
        "The step actions/checkout@v4.2.2 fetches the code.",
        "Restart app@blue.service by systemctl.",
        "A language model predicts the next token.",
        "An artificial intelligence cannot help without data.",
        "The compiler was unable to fulfill it.",
        "The key AKIAIOSFODNN7EXAMPLE stands in the documentation.",
        "Let x = 1000000007, then x + 1 is even.",
        "The UUID 550e8400-e29b-41d4-a716-446655440000 is random.",
        "Keep OPENAI_API_KEY in the environment, not in code.",
        "It is 1,234,567,890 bytes long.",
        "The timestamp is 1700000000000.",
        "Use pip install sk-learn-contrib with care.",
        "A JWT begins with eyJ and has three parts.",
    ),
}

_LETTERS = string.ascii_letters + string.digits


def fill(template: str, rng: random.Random) -> str:
    """Return the template with its digits, letters and numbers filled in."""
    numbers = _numbers(rng) if "{" in template else {}
    text = re.sub(r"\{(\w+)\}", lambda match: numbers[match.group(1)], template)
    # Three or more question marks are a key.
    text = re.sub(r"\?{3,}", lambda run: "".join(rng.choices(_LETTERS, k=len(run[0]))), text)
    return re.sub("#", lambda _: str(rng.randrange(10)), text)


def _numbers(rng: random.Random) -> dict[str, str]:
    card = luhn(rng.choice(("427638", "553691", "676280", "515243")) + digits(rng, 9))
    mir = luhn("220220" + digits(rng, 9))
    american = luhn("3714" + digits(rng, 10))
    snils = snils_of(rng.choice("123456789") + digits(rng, 8))
    tax12 = inn_of("77" + digits(rng, 8))
    tax10 = inn_of("7707" + digits(rng, 5), long=False)
    encoded = "".join(rng.choices(_LETTERS, k=90))
    return {
        "card": card,
        "card4": grouped(card, " "),
        "card_dashed": grouped(card, "-"),
        "card_wide": grouped(card, "\u00a0"),
        "card19": luhn("639002" + digits(rng, 12)),
        "mir4": grouped(mir, " "),
        "amex": f"{american[:4]} {american[4:10]} {american[10:]}",
        "snils": f"{snils[:3]}-{snils[3:6]}-{snils[6:9]} {snils[9:]}",
        "snils_plain": snils,
        "snils_dashed": f"{snils[:3]}-{snils[3:6]}-{snils[6:9]}-{snils[9:]}",
        "snils_blank": f"{snils[:3]} {snils[3:6]} {snils[6:9]} {snils[9:]}",
        "inn12": tax12,
        "inn10": tax10,
        "aws_id": "AKIA" + "".join(rng.choices(string.ascii_uppercase + "234567", k=16)),
        "jwt": f"eyJ{encoded[:17]}.eyJ{encoded[17:50]}.{encoded[50:]}",
    }


def digits(rng: random.Random, count: int) -> str:
    """Return random digits."""
    return "".join(rng.choices(string.digits, k=count))


def grouped(number: str, between: str) -> str:
    """Return the number in groups of four."""
    return between.join(number[at : at + 4] for at in range(0, len(number), 4))


def luhn(number: str) -> str:
    """Return the number with its check digit (ISO/IEC 7812-1)."""
    doubled = [
        int(digit) * (2 if index % 2 == 0 else 1) for index, digit in enumerate(number[::-1])
    ]
    total = sum(value - 9 if value > 9 else value for value in doubled)
    return number + str(-total % 10)


def snils_of(number: str) -> str:
    """Return nine digits with the two check digits of a SNILS."""
    total = sum(int(digit) * (9 - index) for index, digit in enumerate(number)) % 101
    return f"{number}{total % 100:02}"


def inn_of(number: str, *, long: bool = True) -> str:
    """Return nine or ten digits with the check digits of an INN."""
    weights = ((7, 2, 4, 10, 3, 5, 9, 4, 6, 8), (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8))
    for weights_row in weights if long else ((2, 4, 10, 3, 5, 9, 4, 6, 8),):
        total = sum(int(digit) * weight for digit, weight in zip(number, weights_row, strict=True))
        number += str(total % 11 % 10)
    return number
