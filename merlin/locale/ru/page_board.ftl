# Путь коммитов: доска тех, кто ведёт курсы и следит за обучением.
page-board = Коммиты
page-board-lead = От записанного примера до модели, которая отвечает людям.
page-course-board = Коммиты
page-lane-commit = Коммит
page-lane-checked = Проверен
page-lane-built = Собран
page-lane-training = Обучается
page-lane-evaluated = Тест
page-lane-serving = Отвечает
page-board-live = обновляется без перезагрузки
page-board-as-of = состояние на { $at }
page-board-daemon = Новое пока не видно: служба обучения не отвечает. Коммиты целы, модели отвечают; путь пойдёт дальше, когда она запустится.
page-board-telegram = Telegram сейчас недоступен. Сообщения ждут и уйдут по порядку, чат на сайте работает. Если это надолго, администратору стоит проверить связь сервера с Telegram.
page-board-place = { $place } из { $count }
page-board-errors = { $count ->
        [one] { $count } ошибка
        [few] { $count } ошибки
       *[other] { $count } ошибок
    }{ $files ->
        [0] {""}
        [one] {" "}в { $files } файле
       *[other] {" "}в { $files } файлах
    }
page-board-warnings = { $count ->
        [one] { $count } замечание
        [few] { $count } замечания
       *[other] { $count } замечаний
    }
page-board-since = включена: { $at }
page-board-left-out = { $count ->
        [one] { $count } пример не учтён
        [few] { $count } примера не учтены
       *[other] { $count } примеров не учтены
    }
page-board-changed = Что изменилось
page-board-nothing-changed = Файлы набора те же.
page-board-no-texts = Здесь изменения не прочитать, они есть в git.
page-board-more-files = { $count ->
        [one] Ещё { $count } файл
        [few] Ещё { $count } файла
       *[other] Ещё { $count } файлов
    }
page-board-old-notes = { $count ->
        [one] { $count } прежнее замечание
        [few] { $count } прежних замечания
       *[other] { $count } прежних замечаний
    }
page-board-unpin-by-admin = Открепить может администратор.
page-tasks = Ждут вас
page-tasks-none = Сейчас вашего решения ничего не ждёт.
page-task-commits = { $count ->
        [one] { $count } коммит требует внимания
        [few] { $count } коммита требуют внимания
       *[other] { $count } коммитов требуют внимания
    }
page-task-models = { $count ->
        [one] { $count } модель ждёт решения
        [few] { $count } модели ждут решения
       *[other] { $count } моделей ждут решения
    }
page-task-proposals = { $count ->
        [one] { $count } исправление
        [few] { $count } исправления
       *[other] { $count } исправлений
    }
page-task-unanswered = { $count ->
        [one] { $count } вопрос без ответа
        [few] { $count } вопроса без ответа
       *[other] { $count } вопросов без ответа
    }
page-task-wordings = { $count ->
        [one] { $count } формулировка от людей
        [few] { $count } формулировки от людей
       *[other] { $count } формулировок от людей
    }
page-task-single = Находится по единственной формулировке: { $count ->
        [one] { $count } ответ
        [few] { $count } ответа
       *[other] { $count } ответов
    }
page-count-waiting = , ждёт вас: { $count }
page-board-removed = Набор удалён из репозитория. { $way ->
        [none] Спросить его модель людям негде.
       *[other] Его модель ещё отвечает.
    }
page-board-more = ещё { $count }
page-board-commits = { $count ->
        [one] { $count } коммит
        [few] { $count } коммита
       *[other] { $count } коммитов
    }
page-board-questions = { $count ->
        [0] вопросов пока не было
        [one] { $count } вопрос за 4 недели
        [few] { $count } вопроса за 4 недели
       *[other] { $count } вопросов за 4 недели
    }{ $disliked ->
        [0] {""}
        [one]{", "}не понравился { $disliked } ответ
        [few]{", "}не понравилось { $disliked } ответа
       *[other]{", "}не понравилось { $disliked } ответов
    }
page-board-none = Коммитов пока нет. Первый пример можно добавить на странице набора или прямо из бота.
page-board-empty = Здесь появится первый коммит
page-board-empty-hint = Запишите пример в репозиторий, на странице набора или через бота: карточка пройдёт шесть шагов на ваших глазах.
page-board-journey = Путь коммита
page-close = Закрыть
page-board-evaluation = Посмотреть тест
page-no-findings = ошибок нет
page-course-over-time = Динамика
page-over-time-lead = Как от правок меняются ответы модели и что становится с вопросами людей.
page-over-time-answers = Верные ответы на тесте
page-over-time-answers-hint = Последние модели по порядку. Под каждой — коммит, на котором она обучена: нажмите, чтобы открыть его путь.
page-over-time-live = Сейчас отвечает { $model }, { proof-told }.
page-over-time-few = Линия появится, когда тест пройдут две модели.
page-over-time-model = Модель
page-over-time-questions = Вопросы по неделям
page-over-time-none-asked = За последние 12 недель вопросов не было. Здесь будет видно, сколько задали и сколько осталось без ответа.
page-over-time-week = Неделя с
page-over-time-all = Всего
page-over-time-answered = Ответ дан
page-over-time-if-meant = «Если вы имеете в виду»
page-over-time-offered = Предложены похожие
page-over-time-refused = Ответа не знает
page-over-time-wrong = 👎 или исправлено
page-over-time-wordings = Новых формулировок
page-over-time-gained = { $count ->
        [0] За эти недели не принято ни одной формулировки.
        [one] За эти недели принята { NUMBER($count) } формулировка.
        [few] За эти недели приняты { NUMBER($count) } формулировки.
       *[other] За эти недели принято { NUMBER($count) } формулировок.
    }
page-over-time-failed = Сбой
page-over-time-asked = { NUMBER($count) } { $count ->
        [one] вопрос
        [few] вопроса
       *[other] вопросов
    }
page-as-table = Показать таблицей
