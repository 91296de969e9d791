# Группы и режим «@бот вопрос» в любом чате.
bot-command-settings = настройки группы
groups-hello =
    Здравствуйте! Я Merlin, отвечаю на вопросы. Чтобы спросить, упомяните { $bot } или ответьте на моё сообщение.
    Вопросы считаются по плану того, кто спросил.
groups-how =
    Чтобы спросить, упомяните { $bot }: «{ $bot } что такое граф?» — или ответьте на моё сообщение.
    /new — новый разговор, /t — память разговора, /settings — настройки (для админов).
    Вопросы считаются по плану того, кто спросил.
groups-not-a-person = Я отвечаю людям: вопросы считаются по плану того, кто спросил. Напишите, пожалуйста, от своего имени.
groups-private = { $command } — о вас лично, поэтому работает только в нашем личном чате.
groups-private-button = Это доступно только в личном чате со мной.
groups-leaders-only = Это могут только админы группы.
groups-admins-unknown = Это могут только админы группы, а Telegram не ответил, кто они. Повторите через минуту.
groups-new = Начинаем новый разговор: о том, что было до этого, я больше не помню.
groups-renewed = [В прежнем разговоре кончилось место, поэтому я начал новый: о том, что было до этого, я не помню.]
groups-button-private = Открыть личный чат
groups-button-settings = ⚙️ Настройки
groups-settings-private = Настройки есть у групп: добавьте меня в группу и напишите /settings там. Ваш язык: /lang
groups-settings = ⚙️ Настройки Merlin в этой группе
groups-hears = Отвечаю: { $hears ->
        [mention] когда меня упомянули
        [question] на упоминания, ответы мне и всё, что кончается знаком «?»
       *[reply] на упоминания и ответы мне
    }
groups-about = О чём отвечаю: { $dataset ->
        [none] обо всём
       *[other] { $dataset }
    }
groups-speaks = Язык: { $spoken ->
        [none] как у того, кто спрашивает
        [ru] русский
       *[en] английский
    }
groups-renews = Начать новый разговор могут: { $who ->
        [leaders] админы
       *[all] все
    }
groups-privacy-mode = Сейчас Telegram показывает мне не все сообщения. Чтобы я видел и вопросы без упоминания, сделайте меня админом группы — или владелец бота пусть напишет @BotFather: /setprivacy → Disable — и добавьте меня снова.
groups-hears-mention = Только упоминания
groups-hears-reply = Упоминания и ответы
groups-hears-question = И всё со знаком «?»
groups-speaks-asker = Как у спросившего
groups-renews-all = Новый разговор: все
groups-renews-leaders = Новый разговор: админы
groups-button-datasets = 📚 О чём отвечать
groups-ask-dataset = О чём отвечать в этой группе?
groups-saved = Сохранено
inline-hint = Напишите вопрос — найду ответ
inline-ask = Спросить Merlin
inline-button-ask = Узнать ответ у Merlin
inline-question = [Вопрос: { $question }]
inline-not-found = Этот вопрос больше не хранится. Напишите его мне здесь.
