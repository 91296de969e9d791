# Команды на каждый день: начало, справка, сведения о боте, язык, часовой пояс, план.
moment-told = { $day } { $month } { $year }, { $time }
moment-day-brief = { $day } { $month }
moment-brief = { $day } { $month }, { $time }
moment-month = { $month ->
        [1] января
        [2] февраля
        [3] марта
        [4] апреля
        [5] мая
        [6] июня
        [7] июля
        [8] августа
        [9] сентября
        [10] октября
        [11] ноября
       *[12] декабря
    }
moment-month-brief = { $month ->
        [1] янв
        [2] фев
        [3] мар
        [4] апр
        [5] мая
        [6] июн
        [7] июл
        [8] авг
        [9] сен
        [10] окт
        [11] ноя
       *[12] дек
    }
button-cancel = Отмена
button-back = ‹ Назад
bot-cancelled = Хорошо, отменено.
bot-nothing-to-cancel = Отменять нечего: я ничего не жду.
bot-command-start = начало
bot-command-help = что умеет бот
bot-command-info = что это за бот, какие модели отвечают
bot-command-lang = язык и часовой пояс
bot-hello = Здравствуйте! Я Merlin: отвечаю на вопросы по тому, чему меня научили.
bot-start =
    { bot-hello }
    Просто напишите вопрос.

    /help — что я умею
    /info — какая модель отвечает сейчас
    /lang — language, язык
bot-start-course =
    Здравствуйте! Я Merlin, отвечаю на вопросы по курсу «{ $course }». Напишите вопрос или выберите.

    /course — другие курсы
    /help — что я умею
    /lang — language, язык
bot-help = Напишите вопрос обычным сообщением, и я отвечу. Разговор я помню, пока вы не начнёте новый. Спросить можно и голосом, и по фото, и по документу, если здесь это включено.
bot-help-end = Если ответа я не знаю, так и скажу.
help-talk = Разговоры
help-answers = Кто и как отвечает
help-mine = Моё
help-bot = О боте
help-staff = Для тех, кто ведёт бота
bot-info-version = Merlin { $version }
bot-info-model =
    Набор «{ $dataset }»: версия { $build }
    Модель: { $model }
    Обучена: { $trained }. Отвечает с { $since }
bot-info-evaluation = Проверка на { $questions ->
        [one] { $questions } вопросе
       *[many] { $questions } вопросах
    }: сходство { $chrf } из 100, точных ответов { $equal } %, «не знаю» { $unknown } %
bot-info-against = По сравнению с { $model }: { $by }
bot-info-not-evaluated = Проверочных вопросов у этой версии не было.
bot-info-no-model = Обученной модели пока нет. { $general ->
        [yes] На вопросы отвечает общая модель.
       *[no] Отвечать пока некому.
    }
bot-info-session = Этот разговор
bot-info-session-model = • отвечает { $name }
bot-info-session-dataset = • набор «{ $name }»
bot-info-session-preset = • роль: { $name }
bot-info-session-own = • по вашим указаниям: /system
bot-info-commands = Все команды: /help
own-words-edit = ✏️ Тексты бота
own-words-choose = Эти тексты видят все. Какой изменить?
own-words-ask = Пришлите новый текст «{ $name }» одним сообщением, не длиннее { $most } знаков.
own-words-now = Сейчас:
own-words-drop = Убрать этот текст
own-words-kept = Готово: текст виден всем.
own-words-dropped = Готово: текста больше нет.
lang-name = Русский
lang-client = Как в Telegram
lang-kept = Теперь говорю по-русски
lang-ask = На каком языке мне отвечать? Ваше время сейчас: { $now }.
zone-choose = Часовой пояс
zone-ask = Где вы живёте? От этого зависит, когда начинается новый день вашего плана.
zone-type = Другой
zone-ask-name = Напишите часовой пояс, например Asia/Tbilisi.
zone-unknown = Такого пояса я не знаю. Имя выглядит так: Asia/Tbilisi или Europe/Belgrade.
zone-kept = Готово: { $zone }. Ваше время сейчас: { $now }.
zone-kaliningrad = Калининград
zone-moscow = Москва
zone-samara = Самара
zone-yekaterinburg = Екатеринбург
zone-omsk = Омск
zone-novosibirsk = Новосибирск
zone-irkutsk = Иркутск
zone-yakutsk = Якутск
zone-vladivostok = Владивосток
zone-magadan = Магадан
zone-kamchatka = Камчатка
