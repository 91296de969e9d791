# Чат курса.

page-chat-title = Вопросы: { $course }
page-back-to-course = Назад к курсу
page-in-telegram = В Telegram
page-answers-now = отвечает { $model }
page-answered-earlier = Отвечала { $old }, сейчас { $new }
page-session = Чат
page-sessions = Разговоры
page-new-session = Новый разговор
page-session-untitled = Без названия
page-session-questions =
    { $count ->
        [one] { $count } вопрос
        [few] { $count } вопроса
       *[other] { $count } вопросов
    }
page-session-delete = Удалить
page-session-delete-ask = Удалить разговор? Вернуть его будет нельзя.
page-session-delete-sure = Да, удалить
page-chat-empty = О чём спросим?
page-chat-empty-hint = Вы говорите с программой, а не с человеком: с моделью, обученной на примерах курса. Чего в них нет, того она не придумает, а предложит похожее.
page-chat-empty-general = Вы говорите с программой, а не с человеком. Своей модели у курса пока нет. Отвечает общая модель, она не училась на примерах курса.
page-starters-from = Вопросы взяты из примеров курса.
page-chat-sign-in = Войдите, чтобы спросить
page-chat-sign-in-hint = Так мы знаем, сколько вопросов осталось в вашем тарифе. Потом вы вернётесь сюда.
page-question = Вопрос
page-send = Отправить
page-stop = Остановить
page-stopped = Остановлено.
page-in-full = Ответить до конца
page-in-full-counted = Ответить до конца: ещё один вопрос
page-preparing = Готовлю ответ
page-no-answer = Ответ не пришёл: нет связи. Вопрос не пропал, его можно повторить.
page-no-answer-came = Ответа нет. Спросите ещё раз.
page-question-empty = В вопросе нет ни одного видимого знака. Напишите его словами.
page-question-too-long = Вопрос длиннее { $limit } знаков. Сократите его.
page-left-questions =
    { $remaining ->
        [0] Вопросы закончились, обновятся { $until }.
        [one] Остался { $remaining } вопрос, обновятся { $until }.
        [few] Осталось { $remaining } вопроса, обновятся { $until }.
       *[other] Осталось { $remaining } вопросов, обновятся { $until }.
    }
page-chat-nearest = Возможно, вы имели в виду:
page-source =
    { $count ->
        [1] Откуда: пример
       *[other] Откуда: примеры
    }
page-source-near =
    { $count ->
        [1] Похожий пример:
       *[other] Похожие примеры:
    }
page-source-quoted = «{ $question }»
page-source-show = Откуда
page-more-in-course = Об этом в курсе:
page-answer-acts = Что сделать с ответом
page-rate-up = Верно
page-rate-down = Неверно
page-correct = Исправить
page-ask-again = Ещё раз
page-better-answer = Каким должен быть ответ
page-correction-waiting = Ваше исправление ждёт редактора.
page-correction-approved = Ваше исправление принято.
page-correction-committed = { page-correction-approved }
page-correction-declined = Редактор не принял ваше исправление.
page-tell = Передать редакторам
page-tell-none = Ничего из этого
page-tell-lead = Редакторы увидят это без вашего имени:
page-tell-send = Отправить редакторам
page-tell-allow = Разрешаю
page-tell-sent-hint = Спасибо! Редакторы увидят вопрос и смогут научить модель ответу.
page-cancel = Отмена
