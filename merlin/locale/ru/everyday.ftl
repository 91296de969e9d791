# Команды на каждый день: начало, справка, сведения о боте, язык, часовой пояс, тариф.
moment-told = { $day } { $month } { $year }, { $time }
price-told = { $ru }
price-free = бесплатно
price-about = около { $cost }
price-little = меньше { $cost }
moment-in-zone = { $moment } ({ $zone ->
        [MSK] МСК
       *[other] { $zone }
    })
moment-day = { $day } { $month } { $year }
moment-day-brief = { $day } { $month }
moment-brief = { $day } { $month }, { $time }
duration-days = { $count } дн
duration-hours = { $count } ч
duration-minutes = { $count } мин
duration-seconds = { $count } с
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
bot-form-left = Вы открыли другое, поэтому то, что вы написали, не отправлено и не сохранено.
bot-cancel-late = Этот вопрос уже закрыт, отменять в нём нечего. Отменить то, что вы начали позже: /cancel
bot-nothing-to-cancel = Отменять нечего. Сообщения с кнопками ничего не делают, пока кнопку не нажать.
bot-command-start = запустить бота
bot-command-help = что умеет бот
bot-command-info = о боте и моделях
bot-command-lang = язык и часовой пояс
bot-hello = Здравствуйте! Я Merlin — программа, а не человек: модель, обученная на примерах ответов. Спросите о том, чему я научился.
bot-signs = Под ответом: 👍 👎 — оценить его, ℹ️ — откуда он, ✏️ — исправить.
# Telegram shows it in an empty chat, and the short one on the bot's page: 512 and 120 characters at most.
bot-description = Вы говорите с программой, а не с человеком. Отвечает модель, обученная на ответах курса. Она может ошибаться: ℹ️ под ответом показывает источник.
bot-short-description = Программа, а не человек: модель, обученная на ответах курса.
bot-start =
    { bot-hello }
    Просто напишите вопрос.

    { bot-signs }

    /help — что я умею
    /info — какая модель отвечает сейчас
    /lang — language, язык
bot-start-course =
    Здравствуйте! Я Merlin — программа, а не человек: модель, обученная на ответах курса «{ $course }». Напишите вопрос или выберите.

    { bot-signs }

    /course — другие курсы
    /help — что я умею
    /lang — language, язык
bot-help = Напишите вопрос. Голос, фотографии и документы я тоже понимаю, если это здесь включено.
bot-help-end = Не знаю ответа — так и скажу. { bot-signs }
help-more = Все команды
bot-info-version = Merlin { $version }
bot-info-model =
    Набор «{ $dataset }»: сборка { $build }
    Обучена { $trained } · отвечает с { $since }
bot-info-more = … и ещё { $count ->
        [one] { $count } набор
        [few] { $count } набора
       *[many] { $count } наборов
    } со своей моделью
bot-info-evaluation = Тест: верно { $right } из { $questions ->
        [one] { $questions } вопроса
       *[other] { $questions } вопросов
    }; сходство с эталоном { $chrf } из 100
bot-info-not-evaluated = Тестовых вопросов у этой модели не было.
bot-info-no-model = Обученной модели пока нет. { $general ->
        [yes] На вопросы отвечает общая модель.
       *[no] Сейчас не могу ответить: модель недоступна. Попробуйте через несколько минут.
    }
bot-info-session = Этот разговор
bot-info-session-model = • отвечает { $name }
bot-info-session-dataset = • набор «{ $name }»
bot-info-session-preset = • пресет: { $name }
bot-info-session-own = • ваша инструкция: /system
bot-info-commands = Все команды: /help
bot-file-dropped = Файл не сохранён: здесь подходит только текст.
lang-name = Русский
lang-client = Как в Telegram
lang-saved = Теперь говорю по-русски
lang-ask = На каком языке мне отвечать? Ваше время сейчас: { $now }.
zone-choose = Часовой пояс
plain-choose = Простые сообщения
plain-on = Простые сообщения: их покажет любая версия Telegram. Ответ будет дописываться в своём сообщении.
plain-off = Сообщения такие, как умеет Telegram
zone-ask = Напишите свой часовой пояс, например Europe/Moscow или Asia/Vladivostok. Дневные вопросы обновляются там в полночь.
zone-unknown = Не знаю такого часового пояса. Например: Asia/Tbilisi или Europe/Belgrade.
zone-saved = Часовой пояс сохранён: { $zone }. Ваше время сейчас: { $now }.
