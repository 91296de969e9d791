# Разговоры: список, карточка, файл, удаление.
bot-command-sessions = мои разговоры
bot-command-new = новый разговор
bot-command-clear = удалить этот разговор
sessions-none = Разговоров пока нет. Задайте вопрос, и первый появится здесь.
sessions-list = { $count ->
        [one] У вас { $count } разговор
        [few] У вас { $count } разговора
       *[many] У вас { $count } разговоров
    }{ $pages ->
        [1] .
       *[other] , страница { $page } из { $pages }.
    } ▸ — текущий. Выберите разговор, чтобы открыть, сохранить или удалить его.
session-card = «{ $title }»
session-last = Последний вопрос: { $at }
session-turns = { $turns ->
        [one] { $turns } вопрос с ответом
        [few] { $turns } вопроса с ответами
       *[many] { $turns } вопросов с ответами
    }
session-open-now = Этот разговор сейчас открыт.
session-open = Открыть
session-delete = 🗑 Удалить
session-all = Все разговоры
session-opened = Открыт разговор «{ $title }». Пишите дальше.
session-open-question = Вы остановились на вопросе: { $question }
session-delete-ask = Удалить разговор «{ $title }»? Вернуть его будет нельзя.
session-delete-sure = Да, удалить
session-deleted = Разговор «{ $title }» удалён.
session-not-found = Разговор не найден: возможно, он удалён. Все разговоры: /sessions
bot-new = Начинаем новый разговор. Прежний сохранён: /sessions
bot-new-first = Новый разговор открыт. Пишите!
bot-clear = Разговор удалён, начинаем новый.
bot-new-leaves = Здесь отвечает другая компания, поэтому в новый разговор не перешло: { $choices }. Если нужно, выберите снова.
bot-new-keeps = Действуют прежние настройки: { $choices }.
chosen-course = курс «{ $name }» (/course)
chosen-model = модель { $name } (/model)
chosen-preset = пресет «{ $name }» (/preset)
chosen-system = ваша инструкция (/system)
