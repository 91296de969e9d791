# Страницы тех, кто ведёт курсы.
page-nav-teach = Преподавание
page-teach = Преподавание
page-teach-lead = Материалы и примеры ваших курсов. Каждая правка сохраняется в git.
page-teach-none = Вы пока не ведёте ни одного курса
page-teach-none-hint = Курс назначает администратор: после этого он появится здесь.
page-materials = Материалы
page-examples = Примеры
page-questions = Вопросы
page-course-sections = Разделы курса
page-course-edit = Материалы
page-course-examples = Примеры
page-course-unanswered = Без ответа
page-course-proposals = Исправления
page-as-student = Как видит студент
page-edit-course = Править курс

page-add-material = Добавить материал
page-new-material = Новый материал
page-no-materials-teach = Добавьте первый: лекцию, семинар или лабораторную.
page-move-up = Выше: «{ $title }»
page-move-down = Ниже: «{ $title }»
page-remove = Удалить
page-remove-sure = Удалить «{ $title }»? Вернуть можно на странице правки.
page-yes-remove = Да, удалить
page-removing = Удаляем…
page-card = Карточка курса
page-name-ru = Название по-русски
page-name-en = Название по-английски
page-about-ru = Описание по-русски
page-about-en = Описание по-английски
page-semester-number = Семестр
page-teachers = Преподаватели
page-teachers-hint = Логины через пробел.
page-teachers-unknown = Логина { $names } нет ни у одного преподавателя. Курс появится у него, когда администратор даст роль.
page-active = Виден студентам
page-save-card = Сохранить карточку
page-value-yes = да
page-value-no = нет
page-stale-card = Пока вы правили, курс изменила другая правка. Ничего не сохранено; ваш вариант в форме ниже.
page-stale-course = Пока вы смотрели, курс изменила другая правка. Ничего не сохранено; здесь то, что есть сейчас.

page-title-ru = Заголовок по-русски
page-title-en = Заголовок по-английски
page-kind-lecture = Лекция
page-kind-seminar = Семинар
page-kind-lab = Лабораторная
page-lesson-number = Номер
page-file-url = Адрес файла (https)
page-text-markdown = Текст (Markdown)
page-preview = Предпросмотр
page-preview-empty = Здесь появится текст.
page-save-hint = Сохранение обычно занимает несколько секунд.
page-has-errors = Не сохранено: проверка нашла ошибки. Исправьте их и проверьте ещё раз.
page-stale = Конфликт правок: этот материал тем временем изменила другая правка. Ничего не сохранено; ваш текст в форме ниже.
page-stale-hint = Если сохранить, ваш вариант заменит этот.
page-material-deleted = Пока вы правили, этот материал удалила другая правка. Ничего не сохранено; ваш текст в форме ниже: сохраните его как новый материал.
page-course-deleted = Пока вы правили, этот курс удалили из репозитория. Ничего не сохранено; ваш текст в форме ниже, его можно скопировать.
page-conflict = Ваш вариант и нынешний
page-conflict-none = Нынешний вариант такой же, как ваш.
page-theirs = Нынешний вариант
page-yours = Ваш вариант
page-use-theirs = Оставить нынешний вариант
page-value-empty = (ничего нет)

page-at-line = { $path }, строка { $line }
page-fix-example = Исправить
page-show-file = Текст файла
page-was-file = был { $path }
page-question-before = Вопрос был
page-question-after = Вопрос стал
page-answer-before = Ответ был
page-answer-after = Ответ стал
page-tags-before = Теги были
page-tags-after = Теги стали
page-answer-gone = Ответ до удаления
page-commits = Коммиты
page-find = Найти
page-find-commit = Поиск по названию или хешу
page-commit-author = Автор
page-all-authors = Все авторы
page-commit-state = Состояние
page-all-states = Все состояния
page-all-commits = Все коммиты
page-commits-none = Таких коммитов нет
page-commits-none-hint = Уберите часть слов, выберите другого автора или другое состояние.
page-see-example = Посмотреть, каким он стал
page-example-gone = Этого примера больше нет.
page-difference-of = Изменения в { $path }

page-change-waiting-hint = Сохранение обычно занимает несколько секунд.
page-change-working-hint = Сохраняем прямо сейчас.
page-change-late = Служба, которая сохраняет правки, сейчас не запущена. Правка не пропадёт: она сохранится, когда служба запустится.
page-change-committed-hint = Правка сохранена в репозитории.
page-change-refused-hint = Правка не сохранена.
page-change-parked-hint = Репозиторий не принял эту правку, она отложена. Исправьте причину и повторите или отзовите правку.
page-keep-mine = Сохранить мой вариант
page-withdraw-edit = Отозвать правку
page-undo-commit = Отменить правку
page-undone = Эта правка уже отменена.
page-undo-sure = Вернуть всё, как было до этой правки? Будет ещё один коммит.
page-yes-undo = Да, отменить
page-no = Нет
page-busy = Сохраняем…
page-change-result = Итог
page-refresh = Обновить
page-commit = Коммит { $commit }

page-when = Когда

page-add-example = Добавить пример
page-example = Пример
page-find-example = Найти в примерах
page-broken = не читается
page-examples-not-found = Таких примеров нет: «{ $query }»
page-examples-not-found-hint = Показываем примеры, в которых есть все эти слова. Попробуйте одно слово.
page-no-examples = Примеров пока нет
page-no-examples-hint = Пример учит модель отвечать: вопрос студента и ответ, который вы дали бы сами.
page-example-question = Вопрос
page-example-answer = Ответ
page-example-between = Между ними: меняется в файле
page-example-tags = Теги
page-example-tags-hint = Через запятую, можно без них.
page-example-broken = Файл примера не читается. Ниже то, что удалось из него взять: сверьте с текстом файла и сохраните.
page-example-wrong = { $error } Поля ниже прочитаны из файла: сверьте их с его текстом и сохраните.
page-needs-both = Нужны и вопрос, и ответ.
page-example-deleted = Пока вы правили, этот пример удалила другая правка. Ничего не сохранено; ваш текст в форме ниже: сохраните его как новый пример.
page-stale-example = Конфликт правок: пока вы правили, другая правка изменила этот пример. Ничего не сохранено; ваш текст — в форме ниже.

page-proposals = Исправления
page-proposals-lead = Исправления студентов, черновики более сильной модели и тестовые вопросы. Принятые станут одним коммитом от вашего имени.
page-pick = Выбрать «{ $question }»
page-proposal-note = Фрагмент
page-proposal-by-student = исправление студента
page-proposal-wording = формулировка от людей
page-proposal-frames = формулировка по правилам
page-proposal-present = Сейчас
page-proposal-new = Новый ответ
page-proposal-changes = { $count ->
    [1] Изменит ответ примера:
    [one] Изменит ответ { $count } примера:
   *[other] Изменит ответ { $count } примеров:
  }
page-proposal-all = Изменить и те примеры
page-proposal-only = Другой ответ только на этот вопрос
page-proposal-other-question = Похоже, в примерах с этим ответом спрашивают о другом.
page-proposal-approve = Принять
page-proposal-decline = Отклонить
page-proposal-alike = Одинаковых: { $count }. Решение для всех одно.
page-proposal-change = Изменить
page-proposal-decline-why = Отклонить с причиной
page-proposal-reason = Причина, для автора
page-proposal-edited = Сейчас это правит { $who }
page-proposal-lost = Это исправление уже рассмотрено. Ваш текст:
page-proposals-more = Ждёт ещё { $count }. Следующие появятся здесь, когда вы решите эти.
page-proposals-approve = Принять выбранные
page-proposals-decline = Отклонить выбранные
page-wordings-used = { $count ->
    [one] { $count } формулировка от людей
    [few] { $count } формулировки от людей
   *[other] { $count } формулировок от людей
  }
page-wordings-lead = Так спросили люди, не получили ответа и нажали на вопрос ниже или спросили иначе. Принятое станет ещё одним вопросом этого ответа.
page-wordings-people = { $count ->
    [one] { $count } человек
    [few] { $count } человека
   *[other] { $count } человек
  }
page-wordings-refused = «Ничего из этого»: { $count }
page-wordings-few = Спросили меньше трёх человек: { $count }
page-wordings-accept = Научить выбранным
page-wordings-decline = Убрать выбранные
page-wordings-shared = Смешивают два ответа
page-wordings-shared-lead = Не предлагаются: люди имели в виду разные ответы или ни одного, либо это почти вопрос другого ответа.
page-wordings-near = Почти то же: «{ $question }»
page-single = Находятся по единственной формулировке
page-single-lead = К каждому из этих ответов ведёт один вопрос, и другие слова могут его не найти. Выберите, как спросили бы люди, или добавьте свою формулировку.
page-single-none = У каждого ответа не меньше двух формулировок.
page-single-more = Ещё { $count }. Следующие появятся здесь, когда у этих будет другая формулировка.
page-single-find = Ответы с единственной формулировкой
wordings-none-ticked = Выберите хотя бы одну формулировку.
page-tests-few = Тестовых вопросов: { $questions } из { $least }. Пока их меньше, новую модель не с чем сравнить.
page-no-proposals = Исправлений нет
page-no-proposals-hint = Студент исправляет ответ в боте или в чате курса, и исправление появляется здесь.
page-contradictions = Противоречия
page-contradictions-lead = Самые близкие вопросы с разными ответами, до десяти пар. Об одном ли они? Ваш выбор станет одним коммитом от вашего имени.
page-contradictions-find = Найти противоречия
page-contradictions-none = Близких вопросов с разными ответами нет.
page-contradictions-compared = { $count ->
        [0] По смыслу не сравнивали: в `check.off` есть same-meaning, или вопросов больше { $limit }.
       *[other] Сравнили: { $count }.
    }
page-contradictions-unread = { $count ->
        [one] { $count } файл с ошибками не сравнили.
        [few] { $count } файла с ошибками не сравнили.
       *[many] { $count } файлов с ошибками не сравнили.
    }
page-contradiction-first = Верен первый ответ
page-contradiction-second = Верен второй ответ
page-contradiction-differ = Это разные вопросы
page-contradiction-reason = Это разные вопросы.
page-filter-examples = Фильтр
page-filter-drop = Убрать фильтр
page-facet-split = Для чего
page-facet-all = Все
page-facet-train = Для обучения
page-facet-test = Для теста
page-facet-out = Ещё не в сборке: { NUMBER($count) }
page-facet-findings = Ошибки и замечания
page-with-finding = С ошибкой или замечанием
page-facet-tag = Теги
page-facet-author = Автор
page-facet-more-tag = ещё { $count ->
        [one] { $count } тег
        [few] { $count } тега
       *[other] { $count } тегов
    }
page-facet-more-author = ещё { $count ->
        [one] { $count } автор
        [few] { $count } автора
       *[other] { $count } авторов
    }
page-facet-rest = Ещё { NUMBER($count) }: их находит поиск.
page-is-test-example = для теста
page-examples-total = { NUMBER($count) } { $count ->
        [one] пример
        [few] примера
       *[other] примеров
    }
page-examples-found = Найдено: { $count ->
        [one] { $count } пример
        [few] { $count } примера
       *[other] { $count } примеров
    }
page-examples-found-part = Показаны первые из найденных
page-newest-first = сначала новые правки
page-more-examples = Показать ещё 50
page-no-such-examples = Таких примеров нет
page-all-examples = Показать все примеры
page-datasets = Наборы примеров
page-new-example = Новый пример
page-write-first = Написать первый
page-mark-auto = выберет Merlin
page-mark-train = для обучения
page-mark-test = для теста
page-select-all = Выбрать все
page-selected = Выбрано:
page-unselect = Снять выбор
page-tag-add = Добавить тег
page-tag-remove = Убрать тег
page-remove-several-sure = Удалить? Правку можно отменить.
page-stale-several = Пока вы выбирали, один из этих примеров изменили или удалили. Ничего не сохранено: обновите страницу и выберите ещё раз.
page-example-keys = Клавиши: j и k — по строкам, x — выбрать, e — править
page-another-wording = Ещё формулировка
page-allow-ask = Пока не сохранено: похоже на данные человека, и модель рассказала бы их всем. Всё равно сохранить?
page-near-ask = Пока не сохранено. { $count ->
    [1] У этого примера другой ответ. Не о том же ли он?
   *[other] У этих примеров другие ответы. Нет ли среди них вопроса о том же?
  }
page-near-ask-correction = { $count ->
    [1] Если этот пример о том же, замените и его ответ, иначе он останется.
   *[other] Если один из этих примеров о том же, замените и его ответ, иначе он останется.
  }
page-near-question = Похоже на вопрос
page-near-same = Тот же ответ
page-near-replace = Заменить этот ответ
page-near-other = Это другой вопрос, сохранить
page-near-other-accept = Это другой вопрос, принять
page-allow-organisation = Сохранить: это контакт организации
page-allow-organisation-reason = Контакт организации.
page-allow-agreed = Сохранить: человек согласен
page-allow-agreed-reason = Человек согласен.
page-examples-coming = Примеры читаются. Через мгновение они появятся здесь.
page-new-dataset = Новый набор
page-new-dataset-lead = Из названия и файла с вопросами и ответами получается модель, которую можно спрашивать. До сохранения вы увидите примеры.
page-new-dataset-title = Название
page-new-dataset-name = Имя в адресах и в git
page-new-dataset-name-hint = Буквы, цифры, «.», «_» и «-». Потом его не изменить.
page-new-dataset-show = Дальше
page-new-dataset-save = { $count ->
    [0] Создать без примеров
    [one] Создать с { $count } примером
    [few] Создать с { $count } примерами
   *[other] Создать с { $count } примерами
}
page-new-dataset-again = Выбрать другой файл
page-download = Скачать
page-import-file = Загрузить файл
page-import-lead = Вопросы и ответы из таблицы, документа, теста или другой программы станут примерами. Вы увидите их, как только выберете файл, и до сохранения.
page-import-choose = Файл
page-import-hint = Excel (XLSX), CSV, Word (DOCX), Markdown, текст, JSON; выгрузки Telegram, ChatGPT, Dialogflow, Rasa (все файлы вместе), Moodle (XML, GIFT), QnA Maker, Label Studio. До { $megabytes } МБ; файлы больше может загрузить администратор.
page-import-show = Показать примеры
page-import-only-gone = Нового и изменённого в файле нет.
page-import-plan = { $count ->
    [0] { $changed ->
      [0] Сохранять нечего
     *[other] Новых примеров нет
    }
    [one] { $count } новый пример
    [few] { $count } новых примера
    [many] { $count } новых примеров
   *[other] { $count } новых примера
  }.{ $changed ->
    [0] { "" }
    [one] { " " }{ $changed } изменённый пример.
    [few] { " " }{ $changed } изменённых примера.
    [many] { " " }{ $changed } изменённых примеров.
   *[other] { " " }{ $changed } изменённых примера.
  } Уже известны: { $duplicates }. Пропущены с ошибками: { $rejected }.{ $held ->
    [0] { "" }
   *[other] { " " }Остались с правкой редактора: { $held }.
  }
page-import-remembered = Поля значат то же, что в прошлый раз: { $name }.
page-import-name = Имя для следующего раза
page-import-name-hint = Под этим именем набор запомнит, что значат поля. О следующем таком файле ничего не спросят.
page-import-gone = { $count ->
    [one] Удалить { $count } пример, записи которого в файле больше нет
    [few] Удалить { $count } примера, записей которых в файле больше нет
    [many] Удалить { $count } примеров, записей которых в файле больше нет
   *[other] Удалить { $count } примера, записей которых в файле больше нет
  }
page-import-earlier = Раньше
page-import-asks = { $count ->
    [one] Пока ничего не сохранено: скажите, что значит { $count } поле.
    [few] Пока ничего не сохранено: скажите, что значат { $count } поля.
    [many] Пока ничего не сохранено: скажите, что значат { $count } полей.
   *[other] Пока ничего не сохранено: скажите, что значат { $count } поля.
  }
page-import-meaning = Что оно значит?
page-import-choose-meaning = Выберите
page-import-only = Брать только с отмеченными значениями
page-import-leave = Для примера не нужно: пропустить
page-import-part = { $part ->
    [question] Вопрос
    [answer] Ответ
    [context] Текст, который относится к вопросу
    [system] Инструкция модели
    [tags] Теги
    [split] Сторона проверки: train или test
    [source] Источник
    [note] Заметка для редакторов
    [rejected] Худший ответ
    [id] ID записи
   *[other] { $part }
  }
page-import-go-on = Показать, что получится
page-import-which = Где вопрос и где ответ?
page-import-column = Выберите
page-import-columns = Прочитать оттуда
page-import-save = { $count ->
    [0] Сохранить
    [one] Сохранить { $count } пример
    [few] Сохранить { $count } примера
    [many] Сохранить { $count } примеров
   *[other] Сохранить { $count } примера
  }
page-import-rows = Первые примеры: { $count }
page-import-turns = { $count ->
    [one] { $count } реплика
    [few] { $count } реплики
    [many] { $count } реплик
   *[other] { $count } реплики
  }
page-import-findings = На что посмотреть
page-import-more = { $count ->
    [one] И ещё { $count }.
    [few] И ещё { $count }.
    [many] И ещё { $count }.
   *[other] И ещё { $count }.
  }
page-import-too-large = Файлы больше { $megabytes } МБ. Разделите их или попросите администратора: он может загрузить и такие.
page-import-no-file = Выберите файл.
