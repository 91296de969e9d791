# Чат курса.

page-chat-title = Вопросы: { $course }
page-back-to-course = Назад к курсу
page-in-telegram = В Telegram
page-ask-in-telegram = Спросить в Telegram
page-answers-now = отвечает { $model }, с { $since }
page-talk = Переписка
page-chat-empty = Спросите о курсе «{ $course }»
page-chat-empty-hint = Ответит модель, обученная на его примерах. Чего в них нет, она так и скажет.
page-chat-sign-in = Войдите, чтобы спросить
page-chat-sign-in-hint = Так мы знаем, сколько вопросов осталось в вашем плане. Потом вы вернётесь сюда.
page-question = Вопрос
page-send = Отправить
page-stop = Остановить
page-stopped = Остановлено.
page-preparing = Готовлю ответ
page-no-answer = Ответ не пришёл: нет связи. Вопрос не засчитан, его можно повторить.
page-question-too-long = Вопрос длиннее { $limit } знаков. Сократите его.
page-left-questions =
    { $remaining ->
        [0] Вопросы закончились, новые будут { $until }.
        [one] Остался { $remaining } вопрос, новые будут { $until }.
        [few] Осталось { $remaining } вопроса, новые будут { $until }.
       *[other] Осталось { $remaining } вопросов, новые будут { $until }.
    }
page-chat-nearest = Возможно, вы имели в виду:
page-tell = Передать редакторам
page-tell-lead = Вот что увидят редакторы — без вашего имени.
page-tell-send = Отправить вопрос
page-tell-allow = Разрешаю, отправить вопрос
page-tell-back = К чату
page-tell-sent = Вопрос отправлен
page-tell-sent-hint = Спасибо! Редакторы увидят его и смогут научить модель ответу.
