# Предложенные примеры в командной строке и то, о чём просят учителя.
col-answer = ответ
col-cost = цена
col-passage = фрагмент
col-proposal = номер
col-replaces = заменит
col-question = вопрос
col-source = источник
proposals-which = Укажите номера предложений или --all, чтобы взять все ожидающие.
proposals-unknown = В наборе { $dataset } среди ожидающих предложений нет номера { $numbers }. Посмотрите: merlin proposals list { $dataset }
proposals-none = В наборе { $dataset } нет ожидающих предложений.
proposals-none-chosen = Выберите хотя бы одно предложение.
proposals-approved = Одобрено: { $count ->
        [one] { $count } пример
        [few] { $count } примера
       *[many] { $count } примеров
    }.{ $left ->
        [0] { "" }
        [one] { " " }С ошибками { $left } предложение, оно ждёт дальше.
        [few] { " " }С ошибками { $left } предложения, они ждут дальше.
       *[many] { " " }С ошибками { $left } предложений, они ждут дальше.
    }
proposals-declined = Отклонено: { $count ->
        [one] { $count } предложение
        [few] { $count } предложения
       *[many] { $count } предложений
    }. Текст удалён.
proposals-tests = Тестовых вопросов: { $questions }, для допуска нужно не меньше { $least }, для уверенного сравнения — { $enough }. Предложено по понравившимся ответам: { $count }.
proposals-tests-more = Чтобы их стало больше, пусть модель переформулирует вопросы примеров: merlin distil { $dataset } --from examples --teacher ПОСТАВЩИК/МОДЕЛЬ --budget 1

distil-system = Ты готовишь примеры для обучения помощника. Отвечай только JSON такого вида: { $shape }. Вопросы и ответы пиши на языке материала. Каждый ответ полон, верен и дан так, как требует инструкция самого помощника. Инструкция:
distil-materials = Составь по тексту ниже не больше { $pairs } вопросов, которые могут задать люди, и ответы на них. Спрашивай о самом важном. Каждый вопрос сформулируй столькими способами: { $wordings }; разными словами, как спросили бы разные люди, а не только в другом порядке. Ответы следуют из одного только текста и понятны без него: сам текст не упоминай. Если спросить по тексту не о чем, верни пустой список.
distil-question = Ответь на вопрос ниже так, как должен ответить помощник: одна запись списка. Кроме ответа, приведи столько других формулировок того же вопроса: { $others }; разными словами, как спросили бы разные люди, а не только в другом порядке. Вопрос:
distil-no-price = Цена модели { $model } неизвестна, поэтому бюджет не соблюсти. Укажите её в разделе `models` файла config.yaml.
distil-no-teacher = Общая модель не настроена. Администратор указывает её в config.yaml: chat.assistant.
distil-file = Для --from questions назовите файл с вопросами, в остальных случаях файл не нужен.
distil-long-line = Строка { $line } слишком длинна для вопроса: не больше { NUMBER($limit) } знаков.
distil-nothing = Спрашивать не о чем: в наборе { $dataset } нет текстов в materials/, или в файле нет вопросов, или тестовых вопросов уже достаточно.
distil-plan = { $calls ->
        [0] Спрашивать больше нечего.
        [one] Остался { NUMBER($calls) } запрос. Наибольшая стоимость: { $most }.
        [few] Осталось { NUMBER($calls) } запроса. Наибольшая стоимость: { $most }.
       *[many] Осталось { NUMBER($calls) } запросов. Наибольшая стоимость: { $most }.
    } Ответов раньше: { NUMBER($done) }, на них потрачено { $spent }. Работа остановится прежде, чем потратит больше { $rest }.
distil-done = { $proposed ->
        [0] Новых примеров не предложено.
        [one] { NUMBER($proposed) } пример ждёт редактора: merlin proposals list { $dataset }
        [few] { NUMBER($proposed) } примера ждут редактора: merlin proposals list { $dataset }
       *[many] { NUMBER($proposed) } примеров ждут редактора: merlin proposals list { $dataset }
    }
    Ответов: { NUMBER($answered) }, стоимость: { $price }, осталось запросов: { NUMBER($left) }.
distil-rejected-unreadable = { $count ->
        [one] { NUMBER($count) } ответ не в том виде, о котором просили.
        [few] { NUMBER($count) } ответа не в том виде, о котором просили.
       *[many] { NUMBER($count) } ответов не в том виде, о котором просили.
    }
distil-rejected-broken = { $count ->
        [one] { NUMBER($count) } черновик не прошёл проверку.
        [few] { NUMBER($count) } черновика не прошли проверку.
       *[many] { NUMBER($count) } черновиков не прошли проверку.
    }
distil-rejected-duplicate = { $count ->
        [one] { NUMBER($count) } черновик спрашивает то, что в наборе уже есть.
        [few] { NUMBER($count) } черновика спрашивают то, что в наборе уже есть.
       *[many] { NUMBER($count) } черновиков спрашивают то, что в наборе уже есть.
    }
distil-failed = { $count ->
        [one] Без ответа остался { NUMBER($count) } запрос. Причина: { $reason }
        [few] Без ответа остались { NUMBER($count) } запроса. Первая причина: { $reason }
       *[many] Без ответа осталось { NUMBER($count) } запросов. Первая причина: { $reason }
    }
distil-over-budget = Бюджет исчерпан. Чтобы продолжить, запустите команду ещё раз с большим --budget.
distil-needs = Укажите --from materials, --from questions или --from examples, а также --budget.
prompt-col-instruction = инструкция
distil-who-student = ученик
distil-who-teacher-prompt = учитель, только инструкция
distil-who-teacher-examples = учитель, показаны ближайшие примеры
distil-legend = { $questions ->
        [one] { NUMBER($questions) } тестовый вопрос сборки { $build }.
        [few] { NUMBER($questions) } тестовых вопроса сборки { $build }.
       *[many] { NUMBER($questions) } тестовых вопросов сборки { $build }.
    } chrF: сходство с эталоном, из 100; инструкция: токены до вопроса; секунды: пока ответ не придёт целиком.
