page-unanswered = Вопросы без ответа
page-unanswered-lead = За неделю на них не было ответа или он не понравился. Похожие собраны вместе.
page-unanswered-refused =
    { $count ->
        [one] не ответила { $count } раз
        [few] не ответила { $count } раза
       *[other] не ответила { $count } раз
    }
page-unanswered-disliked =
    { $count ->
        [one] { $count } плохая оценка
        [few] { $count } плохие оценки
       *[other] { $count } плохих оценок
    }
page-unanswered-ways = Как спрашивали
page-unanswered-allowed = Здесь только то, что люди разрешили показать, и без имён.
page-unanswered-before = Реплики перед ним, они тоже войдут в пример:
page-unanswered-exists = Такой пример уже есть, но ответ не понравился.
page-unanswered-dismiss = Не по теме: убрать из списка
page-unanswered-off = Убрано из списка: «{ $question }». Спросят снова — вернётся.
page-unanswered-edit = Изменить пример
page-unanswered-none-waiting = На этой неделе всё нашлось
page-unanswered-none-hidden = Показать нечего
page-unanswered-none-asked = На этой неделе вопросов не было
page-unanswered-none-hint = { $asked ->
        [0] Отказы и плохие оценки за семь дней появляются здесь сразу.
        [one] За семь дней модель ответила на { $asked } вопрос. Отказы и плохие оценки появляются здесь сразу.
       *[other] За семь дней модель ответила на { $asked } вопросов. Отказы и плохие оценки появляются здесь сразу.
        [few] За семь дней модель ответила на { $asked } вопроса. Отказы и плохие оценки появляются здесь сразу.
    }
page-unanswered-older =
    { $count ->
        [one] Ещё { $count } вопрос постарше не показан.
        [few] Ещё { $count } вопроса постарше не показаны.
       *[other] Ещё { $count } вопросов постарше не показаны.
    }
page-unanswered-hidden =
    { $count ->
        [one] Ещё { $count } вопрос задали люди, которые не разрешили показывать свои слова.
        [few] Ещё { $count } вопроса задали люди, которые не разрешили показывать свои слова.
       *[other] Ещё { $count } вопросов задали люди, которые не разрешили показывать свои слова.
    }
