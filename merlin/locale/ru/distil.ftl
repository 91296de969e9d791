# Предложенные примеры в командной строке и то, о чём просят учителя.
col-answer = ответ
col-proposal = номер
col-question = вопрос
col-source = источник
proposals-which = Назовите номера предложений или --all для всех, что ждут.
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
