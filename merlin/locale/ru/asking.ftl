# Команды, которые задают моделям много вопросов.
asking-price = { $questions ->
        [one] Нужно задать { NUMBER($questions) } вопрос. Примерная цена: { $price }.
        [few] Нужно задать { NUMBER($questions) } вопроса. Примерная цена: { $price }.
       *[many] Нужно задать { NUMBER($questions) } вопросов. Примерная цена: { $price }.
    }
asking-price-unknown = неизвестна (в config.yaml нет цены этой модели)
asking-sure = Задать их?
asking-not-sure = Вопросы не заданы. Чтобы согласиться с ценой, добавьте --yes.
asking-progress = ответы
asking-failed = { $count ->
        [one] Без ответа остался { NUMBER($count) } вопрос. Причина: { $reason }
        [few] Без ответа остались { NUMBER($count) } вопроса. Первая причина: { $reason }
       *[many] Без ответа осталось { NUMBER($count) } вопросов. Первая причина: { $reason }
    }
prompt-no-build = У набора { $dataset } ещё нет сборки. Сделайте коммит набора и выполните merlin build { $dataset }
prompt-no-test = В сборке { $build } нет тестовых вопросов. Отметьте примеры строкой `split: test` или задайте `split.test` в dataset.yaml.
prompt-no-base = Базовая модель { $model } не следует промпту, а другой модели для разговора в config.yaml нет. Назовите её: --base ПРОВАЙДЕР/МОДЕЛЬ
prompt-nothing-answered = Нет вопроса, на который ответили все модели, поэтому сравнивать нечего.
prompt-other-base = { $base } не следует промпту; вместо неё спросим { $model } ({ $provider }).
prompt-variant-prompt = базовая модель, только инструкция
prompt-variant-examples = базовая модель, показаны ближайшие примеры
prompt-variant-tuned = обученная модель
prompt-col-variant = модель
prompt-col-model = название
prompt-col-chrf = chrF
prompt-col-right = верно
prompt-col-tokens = токены
prompt-col-cost = 1000 ответов
prompt-legend = { $questions ->
        [one] { NUMBER($questions) } тестовый вопрос сборки { $build }.
        [few] { NUMBER($questions) } тестовых вопроса сборки { $build }.
       *[many] { NUMBER($questions) } тестовых вопросов сборки { $build }.
    } chrF — сходство с эталоном, из 100. «Верно» — как в примере или почти слово в слово. Токены — на один вопрос.
prompt-left-out = { $count ->
        [one] { NUMBER($count) } вопрос не учтён: на него ответили не все модели.
        [few] { NUMBER($count) } вопроса не учтены: на них ответили не все модели.
       *[many] { NUMBER($count) } вопросов не учтено: на них ответили не все модели.
    }
prompt-verdict-few = { $questions ->
        [one] { NUMBER($questions) } тестового вопроса мало, чтобы решить, окупится ли дообучение. Нужно хотя бы 10.
       *[other] { NUMBER($questions) } тестовых вопросов мало, чтобы решить, окупится ли дообучение. Нужно хотя бы 10.
    }
prompt-verdict-enough = Дообучать не нужно: базовая модель с промптом верно отвечает на { $right } из { $questions ->
    [one] { $questions } вопроса
   *[other] { $questions } вопросов
    }.
prompt-verdict-try = Дообучение может окупиться: базовая модель с лучшим промптом верно отвечает на { $right } из { $questions ->
    [one] { $questions } вопроса
   *[other] { $questions } вопросов
    }. Обучите модель и запустите эту команду ещё раз.
prompt-verdict-pays = Дообучение окупается: обученная модель лучше лучшего промпта (на { $points } из 100).
prompt-verdict-same = Дообучение не улучшило ответы: разница с лучшим промптом ({ $points } из 100) может быть случайной. Решайте по цене.
prompt-verdict-worse = Дообучение не окупается: обученная модель отстаёт от лучшего промпта ({ $points } из 100).
