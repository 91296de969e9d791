# Страница о том, как модель прошла тест.
page-eval-title = Тест { $model }
page-eval-compared = По сравнению с { $against }{ $serves ->
        [yes] , текущей моделью
       *[no] { "" }
    }: { $count ->
        [one] { NUMBER($count) } общий вопрос
        [few] { NUMBER($count) } общих вопроса
       *[many] { NUMBER($count) } общих вопросов
    }
page-eval-held = Не стала текущей{ $lost ->
        [0] { "" }
        [one] : { NUMBER($lost) } верный ответ больше не верен
        [few] : { NUMBER($lost) } верных ответа больше не верны
       *[many] : { NUMBER($lost) } верных ответов больше не верны
    }
page-eval-lost = { $lost ->
        [one] { NUMBER($lost) } верный ответ больше не верен
        [few] { NUMBER($lost) } верных ответа больше не верны
       *[many] { NUMBER($lost) } верных ответов больше не верны
    }
page-eval-accepted = Принято редактором: { $lost ->
        [one] { NUMBER($lost) } верный ответ больше не верен
        [few] { NUMBER($lost) } верных ответа больше не верны
       *[many] { NUMBER($lost) } верных ответов больше не верны
    }
page-eval-passed = Не хуже прежней: { $right } из { $questions }
page-eval-alone = Верно { $right } из { $questions }
page-eval-rule = { $kind ->
        [not_worse] Правило набора: новая модель не станет текущей, если один верный ответ стал неверным, четыре стали отказами или два отказа — неверными ответами. Если другие ответы стали лучше, допустимо больше.
        [floor] Правило набора: новая модель становится текущей, только если верных ответов достаточно.
       *[none] Правила для новых моделей в наборе нет: текущей становится каждая.
    }
page-eval-serves = Эта модель сейчас текущая.
page-eval-serving = Текущая модель — { $model }.
page-eval-full = { $questions ->
        [one] Верны ответы на { NUMBER($questions) } вопрос из { NUMBER($questions) }.
        [few] Верны все { NUMBER($questions) } ответа.
       *[many] Верны все { NUMBER($questions) } ответов.
    }
page-eval-full-hint = Тест слишком лёгкий: добавьте вопросы труднее.
page-eval-unanswered = Взять из вопросов без ответа
page-eval-few = Тестовых вопросов: { $questions } из { $least }. Пока их меньше, доказать ничего нельзя, и текущей становится любая новая модель.
page-eval-few-hint = Спросите о выученном другими словами: «{ page-another-wording }» у примера. Или пусть тестовые вопросы составит более сильная модель, а редактор одобрит:
page-eval-add-test = Добавить тестовый вопрос
page-eval-fix-examples = { $lost ->
        [one] Исправить { NUMBER($lost) } пример
        [few] Исправить { NUMBER($lost) } примера
       *[many] Исправить { NUMBER($lost) } примеров
    }
page-eval-promote-anyway = Всё равно сделать текущей
page-eval-promote-sure = Сделать { $model } текущей{ $lost ->
        [0] { "" }
        [one] , хотя { NUMBER($lost) } верный ответ больше не верен
        [few] , хотя { NUMBER($lost) } верных ответа больше не верны
       *[many] , хотя { NUMBER($lost) } верных ответов больше не верны
    }? Люди сразу начнут получать её ответы. Прежнюю можно вернуть одним нажатием.
page-eval-right = Верно
page-eval-of = { $right } из { $questions }
page-eval-right-of = у { $model } { $right } из { $questions }
page-eval-declined = { $count ->
        [one] отказ: { NUMBER($count) }
       *[other] отказов: { NUMBER($count) }
    }
page-eval-exact = слово в слово: { $count }
page-eval-part = { $part ->
        [exact] Ответы людям, выученные слово в слово: { $answers }
       *[model] Ответы людям, написанные моделью: { $answers }
    }; первое слово через { $seconds } с{ $cost ->
        [none] .
       *[other] ; цена в среднем: { $cost }.
    }
page-eval-difference = Разница
page-eval-turned-wrong = Больше не верно
page-eval-turned-right = Стало верно
page-eval-wrong-both = неверно по-прежнему: { $count }
page-eval-unsure = Под вопросом
page-eval-wrong = Неверно
page-eval-leave = Забрать эту модель
page-eval-leave-hint = На машине движка эта команда запишет модель для PEFT и vLLM, с карточкой. --form merged — одной моделью с базовой, --form ollama — для Ollama.
page-eval-job = Подробности обучения
page-eval-answers = Вопрос за вопросом
page-eval-which = Какие вопросы показать
page-eval-show-changed = Отличия и ошибки
page-eval-show-lost = Больше не верно
page-eval-show-gained = Стало верно
page-eval-show-unsure = Под вопросом
page-eval-show-wrong = Неверно по-прежнему
page-eval-show-right = { $count ->
        [one] Показать { NUMBER($count) } верный ответ
        [few] Показать { NUMBER($count) } верных ответа
       *[many] Показать { NUMBER($count) } верных ответов
    }
page-eval-nothing-changed = Ни один ответ не изменился.
page-eval-none-wrong = Неверных ответов нет.
page-eval-nothing-shown = Таких вопросов нет.
page-eval-left-out = { $count ->
        [one] Ещё { NUMBER($count) } вопрос не показан.
        [few] Ещё { NUMBER($count) } вопроса не показаны.
       *[many] Ещё { NUMBER($count) } вопросов не показаны.
    }
page-eval-expected = Ожидаемый ответ
page-eval-before = { $model }: { $kind ->
        [right] верно
        [refused] отказ
        [unsure] под вопросом
       *[wrong] неверно
    }
page-eval-now = Эта модель: { $kind ->
        [right] верно
        [refused] отказ
        [unsure] под вопросом
       *[wrong] неверно
    }
page-eval-none-before = Модели { $model } этот вопрос не задавали
page-eval-change-lost = больше не верно
page-eval-change-gained = стало верно
page-eval-change-wrong = неверно
page-eval-change-unsure = прочитайте: верно или нет
page-eval-change-right = верно
page-eval-fix = Исправить пример
page-eval-is-right = { $right ->
        [yes] Верно
       *[no] Неверно
    }
page-eval-accept = Ответ годится
page-eval-accept-hint = Из-за этого вопроса модели больше не останавливаются, пока ответ в примере прежний.
page-eval-running = Модель отвечает на тестовые вопросы
page-eval-answered = { $asked } из { $questions ->
    [one] { $questions } вопроса
   *[other] { $questions } вопросов
    }
page-eval-again = Полученные ответы сохранены, остальные вопросы будут заданы ещё раз автоматически.
page-eval-no-test = Тестовых вопросов нет
page-eval-none = Ответов на тестовые вопросы нет
page-eval-asked = Задано: { $tests ->
        [0] { "" }
        [one] { NUMBER($tests) } другая формулировка,{" "}
        [few] { NUMBER($tests) } другие формулировки,{" "}
       *[many] { NUMBER($tests) } других формулировок,{" "}
    }{ $disguised ->
        [one] { NUMBER($disguised) } вопрос из примеров, переписанный
        [few] { NUMBER($disguised) } вопроса из примеров, переписанные
       *[many] { NUMBER($disguised) } вопросов из примеров, переписанных
    }{ $unrelated ->
        [0] .
        [one] {" "}и { NUMBER($unrelated) } посторонний; отказов на посторонние, как и надо: { NUMBER($declined) }.
        [few] {" "}и { NUMBER($unrelated) } посторонних; отказов на них, как и надо: { NUMBER($declined) }.
       *[many] {" "}и { NUMBER($unrelated) } посторонних; отказов на них, как и надо: { NUMBER($declined) }.
    }
page-eval-source = { $source ->
        [disguised] вопрос из примеров, переписанный
        [unrelated] посторонний
        [asked] недавно спрашивали
        [removed] пример удалён
       *[test] { $found ->
            [yes] найден по другой формулировке
            [otherwise] другая формулировка
           *[no] не найден по другой формулировке
        }
    }
page-eval-answered-before = Тогда ответили
page-eval-change-asked = другой ответ
page-eval-teach-wording = Обучить ещё одной формулировке
page-eval-otherwise = Ответит иначе
page-eval-show-otherwise = Ответит иначе
page-eval-change-otherwise = изменено коммитом
page-eval-taught-before = { $model } обучали
page-eval-answers-now = Эта модель отвечает
page-eval-old = { $model }, записано раньше{ $same ->
        [yes] : то же
       *[no] : иначе
    }
page-eval-old-same = { $model } отвечала так же: { $same } из { $count ->
        [one] { NUMBER($count) } записанного ответа
        [few] { NUMBER($count) } записанных ответов
       *[many] { NUMBER($count) } записанных ответов
    }
page-eval-compare-with = Сравнить с
page-eval-compare = Сравнить
