# Страницы тех, кто ведёт курсы.
page-nav-teach = Веду
page-teach = Я веду
page-teach-lead = Материалы и примеры курсов. Каждая правка становится коммитом.
page-teach-none = Вы пока не ведёте ни одного курса
page-teach-none-hint = Курс даёт администратор: после этого он появится здесь.
page-materials = Материалы
page-examples = Примеры
page-questions = Вопросы
page-disliked-answers = Не понравилось
page-course-rooms = Разделы курса
page-course-edit = Материалы
page-course-examples = Примеры
page-course-unanswered = Без ответа
page-course-proposals = Предложения
page-course-questions = Вопросы
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
page-removing = Удаляю…
page-waits-commit = ждёт коммита
page-card = Карточка курса
page-name-ru = Название по-русски
page-name-en = Название по-английски
page-about-ru = Описание по-русски
page-about-en = Описание по-английски
page-semester-number = Семестр
page-teachers = Преподаватели
page-teachers-hint = Имена учётных записей через пробел.
page-active = Виден студентам
page-save-card = Сохранить карточку
page-is-so = да
page-is-not-so = нет
page-stale-card = Пока вы правили, курс изменил кто-то другой. Ничего не сохранено; ваша карточка цела, она в форме ниже.
page-stale-course = Пока вы смотрели, курс изменил кто-то другой. Ничего не сделано; здесь то, что есть сейчас.

page-title-ru = Заголовок по-русски
page-title-en = Заголовок по-английски
page-kind-lecture = Лекция
page-kind-seminar = Семинар
page-kind-lab = Лабораторная
page-lesson-number = Номер
page-file-url = Адрес файла (https)
page-text-markdown = Текст (Markdown)
page-preview = Как это увидят
page-preview-empty = Здесь появится текст.
page-check = Проверить
page-check-again = Проверить ещё раз
page-saving = Сохраняю…
page-save-over = Сохранить моё поверх
page-save-hint = После сохранения правка ждёт коммита, обычно несколько секунд.
page-needs-title = Назовите материал хотя бы на одном языке.
page-needs-text = Нужен текст или адрес файла.
page-not-good = Не сохранено: проверка нашла ошибки. Исправьте их и проверьте ещё раз.
page-stale = Пока вы правили, этот материал изменил кто-то другой. Ничего не сохранено; ваш текст в форме ниже.
page-stale-hint = Сохранить значит записать ваш текст поверх этого.
page-gone-material = Пока вы правили, этот материал удалил кто-то другой. Ничего не сохранено; ваш текст в форме ниже: сохраните его как новый материал.
page-clash = Что написали вы и что лежит сейчас
page-clash-none = Там лежит то же, что написали вы.
page-theirs = Сейчас там лежит
page-yours = Ваш текст
page-take-theirs = Взять их текст
page-nothing-there = (ничего нет)

page-proof = Что изменится
page-proof-good = ошибок нет
page-proof-bad = есть ошибки
page-proof-tokens = Модель прочтёт { $count ->
        [one] { $count } токен
        [few] { $count } токена
       *[other] { $count } токенов
    }.
page-proof-whole = Файл course.yaml придётся записать заново: его комментарии пропадут.
page-proof-around = В других файлах
page-at-line = { $path }, строка { $line }
page-difference-of = Изменения в { $path }

page-the-change = Правка
page-change-waiting = ждёт коммита
page-change-working = делается
page-change-committed = в репозитории
page-change-conflict = столкновение
page-change-refused = не принято
page-change-parked = отложена
page-change-waiting-hint = Правка сохранена и ждёт коммита.
page-change-working-hint = Коммит делается прямо сейчас.
page-change-committed-hint = Готово: правка в репозитории.
page-change-conflict-hint = Этот файл тем временем изменил кто-то другой. Ваша правка цела; решите, чей текст останется.
page-change-refused-hint = Правки не будет.
page-change-parked-hint = Репозиторий не принял эту правку, она отложена. Ничего не потеряно: исправьте причину и повторите или заберите правку.
page-take-mine = Записать мой текст поверх
page-give-up = Оставить их текст
page-take-back = Забрать правку
page-retry = Повторить
page-undo-commit = Отменить правку
page-undo-sure = Вернуть всё, как было до этой правки? Будет ещё один коммит.
page-yes-undo = Да, вернуть
page-no = Нет
page-busy = Делаю…
page-what-became = К чему это привело
page-look-again = Посмотреть ещё раз
page-commit = Коммит { $commit }

page-asked-told = За { $days ->
        [one] { $days } день
        [few] { $days } дня
       *[other] { $days } дней
    }: { $count ->
        [one] { $count } вопрос
        [few] { $count } вопроса
       *[other] { $count } вопросов
    }, не понравилось { $bad ->
        [one] { $bad } ответ
        [few] { $bad } ответа
       *[other] { $bad } ответов
    }.
page-span = За какое время
page-span-28 = 4 недели
page-span-182 = Полгода
page-span-364 = Год
page-bars-all = вопросы
page-bars-bad = ответы, которые не понравились
page-by-numbers = Числами
page-when = Когда
page-no-questions = За это время вопросов не было
page-no-questions-hint = Когда студенты начнут спрашивать, здесь будет видно, о чём и когда.
page-disliked-title = Что не понравилось
page-disliked-hint = Только слова тех, кто разрешил их использовать; имена скрыты.
page-disliked-none = Таких ответов нет.
page-votes = понравилось: { $liked }, не понравилось: { $disliked }

page-add-example = Добавить пример
page-example = Пример
page-find-example = Найти в примерах
page-broken = не читается
page-examples-not-found = Таких примеров нет: «{ $query }»
page-examples-not-found-hint = Нужны примеры, в которых есть все эти слова. Попробуйте одно слово.
page-no-examples = Примеров пока нет
page-no-examples-hint = Пример учит модель отвечать: вопрос студента и ответ, который вы дали бы сами.
page-example-question = Вопрос
page-example-answer = Ответ
page-example-tags = Теги
page-example-tags-hint = Через запятую, можно без них.
page-example-broken = Файл примера не читается: запишите вопрос и ответ заново или исправьте его в git.
page-remove-example-sure = Удалить пример? Вернуть можно на странице правки.
page-needs-both = Нужны и вопрос, и ответ.
page-gone-example = Пока вы правили, этот пример удалил кто-то другой. Ничего не сохранено; ваш текст в форме ниже: сохраните его как новый пример.

page-proposals = Предложенные примеры
page-proposals-lead = Исправления от людей, черновики более сильной модели и тестовые вопросы. Одобренное станет одним коммитом от вашего имени.
page-proposal-pick = Выбрать «{ $question }»
page-proposal-note = Фрагмент
page-proposals-mark = Выбрать все: { $count }
page-proposals-unmark = Снять выбор
page-proposals-approve = Одобрить выбранные
page-proposals-decline = Отклонить выбранные
page-tests-few = Тестовых вопросов: { $questions } из { $least }. Пока их меньше, новую модель не с чем сравнить.
page-tests-propose = Предложить по понравившимся ответам
page-tests-none = Пока нет понравившихся ответов, из которых можно взять тестовые вопросы.
page-no-proposals = Ничего не ждёт
page-no-proposals-hint = Исправления присылают люди в боте, черновики готовит команда merlin distil.
page-filter-examples = Отбор
page-filter-drop = Убрать отбор
page-facet-split = Для чего
page-facet-all = Все
page-facet-train = Для обучения
page-facet-test = Для теста
page-facet-findings = Замечания
page-with-finding = С замечанием
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
page-newest-first = сначала изменённые
page-more-examples = Показать ещё 50
page-examples-none-so = Таких примеров нет
page-all-examples = Показать все примеры
page-datasets = Наборы примеров
page-new-example = Новый пример
page-write-first = Написать первый
page-close-example = Закрыть
page-mark-any = Распределит Merlin
page-mark-train = Всегда для обучения
page-mark-test = Всегда для теста
page-draft-done = Готово
page-another-wording = Ещё формулировка
page-draft-add = новый
page-draft-edit = изменён
page-draft-delete = удалён
page-draft-by-you = вы, не сохранено
page-draft-drop = Убрать правку
page-draft-conflict = Раньше вас сохранили другую правку
page-draft-conflict-of = Пример «{ $question }» изменил и кто-то другой. Ничего не потеряно: ваша правка здесь и ждёт вашего решения.
page-draft-gone-of = Пример «{ $question }» кто-то удалил. Ничего не потеряно: ваша правка здесь и ждёт вашего решения.
page-draft-keep-mine = Оставить моё
page-draft-take-theirs = Взять из коммита
page-draft-combine = Соединить в правке
page-drafts = Несохранённые правки
page-drafts-count = { $count ->
        [one] { $count } правка
        [few] { $count } правки
       *[other] { $count } правок
    }
page-drafts-edit = { $count ->
        [one] { $count } изменён
       *[other] { $count } изменено
    }
page-drafts-add = { $count ->
        [one] { $count } новый
       *[other] { $count } новых
    }
page-drafts-delete = { $count ->
        [one] { $count } удалён
       *[other] { $count } удалено
    }
page-drafts-hint = Правки хранятся здесь, пока вы их не сохраните.
page-drafts-discard = Сбросить
page-drafts-discard-sure = Сбросить все несохранённые правки этого набора?
page-yes-discard = Да, сбросить
page-drafts-save = Сохранить одним коммитом
page-drafts-stale = { $count ->
        [one] Пока вы правили, { $count } пример изменил кто-то другой. Ничего не сохранено, ваши правки целы. Если его здесь ещё не видно, повторите через минуту.
        [few] Пока вы правили, { $count } примера изменил кто-то другой. Ничего не сохранено, ваши правки целы. Если их здесь ещё не видно, повторите через минуту.
       *[other] Пока вы правили, { $count } примеров изменил кто-то другой. Ничего не сохранено, ваши правки целы. Если их здесь ещё не видно, повторите через минуту.
    }
page-drafts-none = Сохранять нечего: всё уже сохранено.
page-drafts-not-good = Не сохранено: проверка нашла ошибки. Правки целы: исправьте их и сохраните ещё раз.
page-drafts-too-many = Здесь уже { $limit ->
        [one] { $limit } несохранённая правка
        [few] { $limit } несохранённые правки
       *[other] { $limit } несохранённых правок
    }. Сначала сохраните их.
page-paste-table = Вставить таблицу
page-paste-hint = Строки из Excel, Google Таблиц, CSV или таблицы Markdown: вопрос, ответ, теги
page-paste-limit = До 500 строк. Больше возьмут команда merlin import и бот.
page-paste-look = Посмотреть строки
page-paste-look-again = Посмотреть ещё раз
page-paste-take = Взять отмеченные в правки
page-paste-verdict = Что с ним
page-paste-line = Строка { $line }
page-paste-new = новый
page-paste-same = уже есть
page-paste-other = уже есть, ответ другой
page-paste-wrong = не годится
page-paste-compare = Сравнить
page-paste-nothing = В тексте нет ни одной строки.
page-paste-count = Новых: { $new }, с другим ответом: { $other }, уже есть: { $same }, не годится: { $wrong }.
page-paste-too-many = Здесь больше { NUMBER($limit) } строк. Вставьте таблицу по частям или возьмите merlin import.
page-what-to-show = Что показать
page-show-edit = Правка
page-show-history = История
page-version-changed = Пример изменён
page-version-added = Пример добавлен
page-version-back = Вернуть как было
page-next-training = Обучение после сохранения: около { $cost }.
page-next-training-free = Обучение после сохранения: бесплатно.
page-next-training-little = Обучение после сохранения: меньше { $cost }.
page-next-training-by-hand = Его запускает администратор.
page-serves-till-then = До конца отвечает { $model }.
