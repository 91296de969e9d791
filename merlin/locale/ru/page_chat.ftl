# Чат курса.

page-chat-title = Вопросы: { $course }
page-back-to-course = Назад к курсу
page-in-telegram = В Telegram
page-ask-in-telegram = Спросить в Telegram
page-answers-now = отвечает { $model }, с { $since }
page-answered-earlier = Отвечала { $old }, сейчас { $new }
page-talk = Чат
page-talks = Разговоры
page-new-talk = Новый разговор
page-talk-untitled = Без названия
page-talk-questions =
    { $count ->
        [one] { $count } вопрос
        [few] { $count } вопроса
       *[other] { $count } вопросов
    }
page-talks-today = Сегодня
page-talks-yesterday = Вчера
page-talks-week = На этой неделе
page-talks-earlier = Раньше
page-talk-delete = Удалить
page-talk-deleted = Разговор удалён.
page-talks-full =
    Ваш план хранит { $most ->
        [one] { $most } разговор
        [few] { $most } разговора
       *[many] { $most } разговоров
    } по каждому курсу. Чтобы начать новый, удалите один из них.
page-talks-none = Разговоров пока нет
page-talks-none-hint = Задайте вопрос о курсе, и разговор сохранится здесь.
page-chat-empty = О чём спросим?
page-chat-empty-hint = Отвечает модель, обученная на примерах курса. Чего в них нет, того она не придумает, а предложит похожее.
page-starters-from = Вопросы взяты из примеров курса.
page-starters-other = Показать другие
page-chat-sign-in = Войдите, чтобы спросить
page-chat-sign-in-hint = Так мы знаем, сколько вопросов осталось в вашем плане. Потом вы вернётесь сюда.
page-question = Вопрос
page-send = Отправить
page-stop = Остановить
page-stopped = Остановлено.
page-in-full = Ответить до конца
page-in-full-counted = Ответить до конца: ещё один вопрос
page-preparing = Готовлю ответ
page-no-answer = Ответ не пришёл: нет связи. Вопрос не пропал, его можно повторить.
page-no-answer-came = Ответа нет. Спросите ещё раз.
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
        [one] Откуда: пример
       *[other] Откуда: примеры
    }
page-source-near =
    { $count ->
        [one] Похожий пример:
       *[other] Похожие примеры:
    }
page-source-quoted = «{ $question }»
page-source-show = Откуда
page-read-of-it = Об этом в курсе:
page-answer-acts = Что сделать с ответом
page-rate-up = Верно
page-rate-down = Неверно
page-correct = Исправить
page-ask-again = Ещё раз
page-better-answer = Каким должен быть ответ
page-correction-waiting = Ваше исправление ждёт редактора.
page-correction-approved = Ваше исправление принято.
page-correction-committed = Ваше исправление принято.
page-correction-declined = Редактор не принял ваше исправление.
page-tell = Передать редакторам
page-tell-lead = Редакторы увидят это без вашего имени:
page-tell-send = Отправить редакторам
page-tell-allow = Разрешаю
page-tell-back = К чату
page-tell-sent-hint = Спасибо! Редакторы увидят вопрос и смогут научить модель ответу.
page-cancel = Отмена
