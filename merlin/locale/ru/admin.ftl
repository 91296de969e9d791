# Экраны тех, кто ведёт Merlin: /admin.
bot-command-admin = управление
admin-title = Управление
admin-home = Ваша роль: { $role }.
admin-serves = { $dataset }: отвечает { $build }, с { $since }
admin-serves-none = { $dataset }: обученной модели пока нет
admin-board-card = { $sign } { $state }: «{ $subject }»
admin-board-left = { $share } %, ещё { $time }
admin-examples = 📚 Примеры
admin-jobs = ⚙️ Работы
admin-models = 🧠 Модели
admin-users = 👥 Люди
admin-broadcast = 📣 Рассылка
admin-health = 🩺 Здоровье
admin-sure = Точно?
admin-refresh = 🔄 Обновить
admin-onward = Дальше ›
admin-asked = Попросил демона
admin-asked-wait = Делаю. Результат появится здесь.
admin-asked-late = Демон сейчас не работает. Просьба сохранена и будет выполнена, когда он запустится; результат появится здесь.
admin-asked-already = Уже попросил, жду ответа.
admin-refused = Не вышло: { $reason }
admin-no-dataset = Такого набора здесь больше нет.
admin-no-datasets = Наборов пока нет: демон ещё ничего не прочитал из репозитория.
admin-no-model = У работы { $job } нет модели.
admin-did-launch = Работа { $job } набора { $dataset } запускается.
admin-did-cancel = Работа { $job }: { $state ->
        [cancelled] отменена
        [succeeded] успела закончиться, но отвечать её модель не будет
        [failed] уже не удалась
       *[other] отменяется
    }.
admin-did-promote = { $dataset }: теперь отвечает { $build } ({ $model }).
admin-did-accept = { $dataset }: { $count ->
        [one] принят { $count } ответ { $build }
        [few] приняты { $count } ответа { $build }
       *[many] принято { $count } ответов { $build }
    }; сейчас она начнёт отвечать людям.
admin-did-rollback = { $dataset }: снова отвечает { $build } ({ $model }).
admin-did-pin = { $dataset }: модель закреплена, новые ждут.
admin-did-unpin = { $dataset }: закрепление снято, новые модели снова могут отвечать.
admin-jobs-list = Новые сверху. Нажмите на работу, чтобы увидеть, как она идёт.
admin-jobs-none = Работ ещё не было.
admin-job = Работа { $job } · { $build }
admin-job-state =
    Состояние: { $state } (у поставщика: { $status })
    Поставщик: { $provider }, база: { $base }, попытка { $attempt }
admin-job-cost = Оценка: { $cost }; обучено токенов: { NUMBER($tokens) }
admin-job-times = Начата { $created }, последняя новость { $updated }
admin-job-last = Сейчас: { $message }
admin-job-error = Причина: { $error }
admin-loss-train = учёба
admin-loss-test = проверка
admin-losses = 📈 Потери картинкой
admin-losses-none = Потерь пока не измерено.
admin-events = 📜 События
admin-events-none = Событий пока нет.
admin-cancel-job = ⏹ Отменить работу
admin-ask-cancel = Отменить работу { $job } ({ $build })? Оплаченное не вернётся, прежняя модель отвечает дальше.
admin-model = 🧠 Модель
admin-launch = 🚀 Запустить обучение
admin-launch-which = Какой набор обучить? Возьмём его новейшую сборку. Цену скажу заранее.
admin-launch-not = Запустить нельзя
admin-launch-yes = 🚀 Запустить
admin-launch-what = { $build } на { $base } ({ $provider }): { $examples ->
        [one] { $examples } пример
        [few] { $examples } примера
       *[many] { $examples } примеров
    }, { $epochs ->
        [one] { $epochs } эпоха
        [few] { $epochs } эпохи
       *[many] { $epochs } эпох
    }.
admin-launch-price = Будет стоить около: { $cost }.
admin-price-unknown = цена этой базы неизвестна
admin-budget-left = Бюджет месяца: осталось { $left } из { $cap }.
admin-models-which = Что отвечает сейчас. Нажмите на набор, чтобы увидеть его модели.
admin-serving-now = Отвечает { $build } ({ $model }, { $provider }) с { $since }.{ $pinned ->
        [yes] { " " }📌 Закреплена: новые ждут.
       *[no] { "" }
    }
admin-model-what =
    { $model }
    Поставщик: { $provider }
    Состояние: { $state }, создана { $created }
admin-history = 🕘 История
admin-history-of = История: { $dataset }
admin-history-line = { $at } → { $to } ({ $why }, { $by })
admin-compare = ⚖️ Сравнить
admin-compare-which = С какой моделью сравнить?
admin-compare-none = Сравнивать пока не с чем: это единственная модель.
admin-compare-legend = Обеим задали одни и те же проверочные вопросы.
admin-compare-differ = Проверочные вопросы у них разные ({ $shared ->
    [0] общих нет
    [one] общий { $shared }
   *[other] общих { $shared }
}), поэтому оценки сравнивать нельзя. Оценки каждой модели — на её странице.
admin-score-questions = вопросов
admin-score-chrf = сходство из 100
admin-score-equal = точных, %
admin-score-unknown = «не знаю», %
admin-scores = 📈 Тест по версиям
admin-scores-none = Ответов на вопросы теста нет.
admin-scores-title = Тест { $model }: доля верных ответов, %
admin-its-job = ⚙️ Её работа
admin-promote = ⬆️ Пусть отвечает
admin-accept = ✅ Принять эти ответы
admin-ask-accept = Пусть { $build } отвечает в { $dataset }, хотя на эти вопросы она отвечает иначе? Следующие модели из-за них останавливать не будем, пока ответы в наборе прежние.
admin-held = 🛑 Пока не отвечает людям: { $reason }.
    { $list }{ $more ->
        [0] { "" }
       *[other] { " " }… и ещё { $more }
    }
admin-to-model = 🔎 Посмотреть модель
admin-ask-promote = Пусть { $dataset } отвечает моделью { $build }? Люди увидят её сразу.
admin-pin = 📌 Закрепить
admin-ask-pin = Закрепить нынешнюю модель набора { $dataset }? Новые не сменят её, пока вы не снимете закрепление.
admin-unpin = 📌 Снять закрепление
admin-ask-unpin = Снять закрепление набора { $dataset }? Новая проверенная модель сможет ответить сразу.
admin-rollback = ⏪ Откатить
admin-ask-rollback = Вернуть набору { $dataset } модель { $build }? Следующая новая модель снова её сменит.
admin-not-yours = Это действие вам больше не доступно.
admin-to-job = ⚙️ К работе
admin-grouped = { $count ->
        [one] { $count } сообщение об одном:
        [few] { $count } сообщения об одном:
       *[many] { $count } сообщений об одном:
    }
admin-grouped-more = и ещё { $count }
people-count = { $count ->
        [one] Боту написал { $count } человек.
        [few] Боту написали { $count } человека.
       *[many] Боту написали { $count } человек.
    }
people-find = 🔍 Найти
people-ask-find = Кого найти? Пришлите номер человека в Telegram или часть имени.
people-found = Вот кого нашёл. Чтобы искать дальше, пришлите другое имя или номер.
people-found-none = Никого не нашёл. Пришлите другое имя или номер.
people-nameless = Без имени
people-not-self = Себя так менять нельзя: попросите другого администратора.
people-not-admin = Это администратор: сначала снимите роль.
people-role = 🎓 Роль
people-block = 🚫 Заблокировать
people-unblock = ✅ Разблокировать
people-plan = 📦 План
people-gift = 🎁 Подарить вопросы
people-what =
    Роль: { $role }
    План: { $plan }
    Язык: { $speaks }
people-no-plans = без ограничений
people-left = { $format }: { $used } из { $limit }, в подарках { $gifts }
people-ask-block = Больше не отвечать человеку { $who }? Его разговоры останутся.
people-blocked = Заблокирован
people-unblocked = Снова получает ответы
people-ask-plan = Какой план дать?
people-plan-set = Тариф изменён
people-ask-role = Какую роль дать? Нынешняя отмечена знаком ▸.
people-ask-scope = Какие наборы ведёт преподаватель? Отмеченные уже у него; нажмите, чтобы дать или забрать.
people-ask-grant = { $who } станет: { $role }. Прежняя роль закончится.
people-ask-scope-off = Забрать набор { $scope } у человека { $who }?
people-grant = Дать роль
people-revoke = Забрать
people-granted = Готово
people-ask-format = Каких вопросов подарить?
people-ask-amount = Сколько вопросов? Выберите или пришлите число.
people-amount-wrong = Нужно число от 1 до { NUMBER($most) }. Выберите или пришлите другое.
people-ask-days = На какой срок?
people-days = { $days ->
        [one] { $days } день
        [few] { $days } дня
       *[many] { $days } дней
    }
people-for-ever = без срока
people-ask-gift = Подарить: { $who }, { $format } — { $amount }, срок: { $long }.
people-given = Подарено
notice-role = Ваша роль теперь: { $role }.
notice-role-scopes = Ваша роль теперь: { $role } ({ $scopes }). Начать можно с /admin
notice-gift = Вам подарили вопросы сверх плана: { $format } — { $amount }. Они тратятся, когда в плане места нет.
cast-list = Недавние рассылки. Нажмите, чтобы увидеть, как она идёт.
cast-none = Рассылок ещё не было.
cast-new = ✍️ Новая рассылка
cast-again = ✍️ Другой текст
cast-ask-text = Пришлите текст рассылки одним сообщением. Разметка Markdown работает: **жирный**, *курсив*, `код`, ссылки. Сначала я покажу, как он будет выглядеть.
cast-too-long = Текст длиннее одного сообщения (больше { NUMBER($most) } знаков). Пришлите покороче.
cast-to = { $whom ->
        [ru] По-русски: { $count }
        [en] По-английски: { $count }
       *[all] Всем: { $count }
    }
cast-ask-send = { $count ->
        [one] Отправить это { $count } человеку? Отправленное назад не взять.
        [few] Отправить это { $count } людям? Отправленное назад не взять.
       *[many] Отправить это { $count } людям? Отправленное назад не взять.
    }
cast-send = 📣 Отправить
cast-stop = ⏹ Остановить
cast-ask-stop = Остановить рассылку { $number }? Кому она ещё не ушла, тем и не уйдёт.
cast-begun = Эта рассылка уже отправлена.
cast-nobody = Отправлять некому.
cast-report = Рассылка { $number } { $state ->
        [running] идёт
        [stopped] остановлена
        [draft] ещё не начата
       *[ended] закончена
    }. Получателей: { NUMBER($total) }.
    Отправлено: { NUMBER($sent) }
    Бот у них заблокирован: { NUMBER($blocked) }
    Не вышло: { NUMBER($failed) }
    Не отправлено: { NUMBER($left) }
step-serving = отвечает
step-telegram-down = Telegram недоступен
step-working = работает
health-alive = { $sign } { $name }: { $step }, запущен { $up } назад
health-silent = { $sign } { $name }: молчит { $ago }
health-days = { $count } дн
health-hours = { $count } ч
health-minutes = { $count } мин
health-seconds = { $count } с
health-queue-requests = Просьбы
health-queue-notices = Уведомления
health-queue-updates = Сообщения людей
health-queue-letters = Исходящие
health-waits = { $queue }: ждёт { $count }, старейшее { $age }
health-nothing-waits = Очереди пусты.
health-failures = За сутки не удалось: ответов { $updates }, просьб { $requests }, работ { $jobs }
health-spent = { $provider }: в этом месяце { $spent }
health-spent-of = { $provider }: в этом месяце { $spent }, осталось { $left }
health-sunset = ⌛ { $model } ({ $used }) отключат { $date }, через { $days } дн
health-disk = Диск: свободно { $free } ГиБ ({ $share } %)
health-alarms = Последнее, о чём сообщалось:
bot-blocked = Администратор закрыл вам доступ, поэтому я не отвечаю. Свои данные можно получить и удалить: /export, /delete_me
