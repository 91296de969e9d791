# Страницы тех, кто следит за обучением и людьми.
page-nav-admin = Работы
page-admin = Управление
page-admin-rooms = Разделы управления
page-room-home = Путь
page-room-jobs = Работы
page-room-models = Модели
page-room-builds = Сборки
page-room-verdicts = Коммиты
page-room-users = Люди
page-room-audit = Журнал
page-room-health = Здоровье
page-older = Показать более ранние

page-asked-waiting = ждёт
page-asked-working = делается
page-asked-done = готово
page-asked-failed = не вышло
page-asked-late = Демон сейчас не работает. Просьба сохранена и будет выполнена, когда он запустится.
page-asked-fetch = Прочитать репозиторий
page-asked-poll = Спросить поставщиков
page-asked-census = Пересчитать модели
page-asked-build = Собрать { $target }
page-asked-launch = Обучить { $target }
page-asked-cancel = Остановить работу { $target }
page-asked-accept = Принять ответы { $target }
page-asked-promote = Пусть отвечает { $target }
page-asked-rollback = Вернуть прежнюю модель: { $target }
page-asked-pin = Закрепить модель: { $target }
page-asked-unpin = Снять закрепление: { $target }
page-asked-restore = Сделать папку заново: { $target }
page-asked-prune = Удалить папки сборок

page-silent = Процесс { $process } молчит
page-sunset-soon = { $model } отключат через { $count ->
        [one] { $count } день
        [few] { $count } дня
       *[other] { $count } дней
    }
page-serving-now = Отвечают сейчас
page-no-serving = Обученных моделей пока нет
page-no-serving-hint = Первая появится, когда обучение закончится и модель пройдёт проверку.
page-answers-since = Отвечает с
page-score = Сходство
page-score-of = { $score } из 100
page-base = Базовая модель

page-jobs-lead = Что обучается и что уже обучено.
page-jobs-running = Идут сейчас
page-jobs-over = Закончены
page-no-jobs = Работ ещё не было
page-no-jobs-hint = Работа начинается сама после коммита с новыми примерами.
page-launch = Обучить сейчас
page-dataset = Набор
page-ask-price = Узнать цену
page-price = Цена, около
page-price-unknown = неизвестна
page-launch-for = Обучить: около { $price }
page-launching = Запускаю…
page-taught = Учит
page-examples-count = { $count ->
        [one] { $count } пример
        [few] { $count } примера
       *[other] { $count } примеров
    }
page-epochs = Эпох
page-spent-month = В этом месяце
page-spent-of = { $spent } из { $cap }

page-job-title = Работа { $job }
page-stop-job = Остановить
page-stop-job-sure = Остановить обучение? Оплаченное не вернётся, прежняя модель отвечает дальше.
page-yes-stop = Да, остановить
page-stopping = Останавливаю…
page-progress-of = Ход работы { $job }
page-launch-again = Обучить ещё раз
page-job-safe = Данные целы, работу можно повторить.
page-job-now = Работа: { $state }
page-no-losses = Потерь пока не измерено.
page-losses-of = Потери { $job }
page-losses-caption = Потери по шагам, шкала логарифмическая: чем ниже, тем лучше. Кружки: контрольные точки.
page-losses-picture = Картинкой
page-losses-picture-of = Потери { $job } картинкой
page-losses-table = Потери числами
page-loss-train = учебные
page-loss-test = проверочные
page-step = Шаг
page-curve-train = Учебные потери: от { $first } до { $last } к шагу { $step }.
page-curve-test = Проверочные потери: от { $first } до { $last } к шагу { $step }.
page-epoch = эпоха { $epoch }
page-epoch-of = эпоха { $epoch } из { $epochs }
page-facts = Сведения
page-began = Начата
page-news = Последняя новость
page-attempt = Попытка
page-estimate = Оценка
page-trained-tokens = Обучено токенов
page-at-provider = У поставщика
page-its-word = Слово поставщика
page-diary = Дневник
page-no-diary = Записей пока нет.
page-build-of = Сборка { $build }
page-its-model = Её модель

page-only-dataset = Только набор { $dataset }.
page-show-all-models = Показать все
page-nothing-serves = Своей модели пока нет, отвечает общая: { $datasets }.
page-pinned = закреплена
page-until = до { $day }
page-roll-back = Откатить
page-roll-back-sure = Вернуть набору { $dataset } прежнюю модель? Люди увидят её сразу.
page-yes-roll-back = Да, откатить
page-pin = Закрепить
page-pin-sure = Закрепить модель набора { $dataset }? Новые не сменят её, пока вы не снимете закрепление.
page-yes-pin = Да, закрепить
page-unpin = Снять закрепление
page-unpin-sure = Снять закрепление набора { $dataset }? Новая проверенная модель сможет ответить сразу.
page-yes-unpin = Да, снять
page-accept-lost = Принять эти ответы
page-accept-lost-sure = Пусть { $model } отвечает в { $dataset }, хотя на эти вопросы она отвечает иначе? Следующие модели из-за них останавливать не будем, пока ответы в наборе прежние.
page-yes-accept-lost = Да, принять
page-promote = Пусть отвечает
page-promote-sure = Пусть { $dataset } отвечает моделью { $model }? Люди увидят её сразу.
page-yes-promote = Да, пусть отвечает
page-all-models = Все модели
page-pick = Выбрать { $model } для сравнения
page-compare = Сравнить две
page-compare-hint = Отметьте две модели.
page-no-models = Моделей пока нет
page-no-models-hint = Каждое удавшееся обучение даёт одну модель.
page-history = Что отвечало раньше
page-came = Стала отвечать
page-why = Почему
page-state = Состояние
page-made = Создана

page-builds-lead = Версии учебных файлов: что именно учит модель.
page-no-builds = Сборок пока нет
page-no-builds-hint = Сборка появится после первого годного коммита.
page-build = Сборка
page-train-examples = Учебных
page-test-examples = Проверочных
page-tokens = Токенов
page-against = Против { $build }
page-against-same = Учит тому же, что { $build }.
page-diff-added = Новые
page-diff-changed = Изменены
page-diff-removed = Убраны
page-diff-moved = Сменили сторону
page-comparison-lead = Зачёркнуто то, что есть только в прежней сборке, подчёркнуто то, что есть только в новой.
page-comparison-counts = Сколько примеров различается
page-comparison-same = Различий нет: примеры и системный текст те же.
page-turn-system = Системный текст
page-turn-user = Вопрос
page-turn-assistant = Ответ
page-turn-rejected = Отвергнутый ответ
page-turn-tool = Ответ инструмента
page-and-more = и ещё { $count }
page-split = Сторона
page-split-train = учёба
page-split-test = проверка
page-author = Автор
page-its-jobs = Работы этого набора
page-system-text = Системный текст

page-verdicts-lead = К чему привёл каждый коммит.
page-no-verdicts = Коммитов пока нет
page-no-verdicts-hint = Они появятся, когда демон прочитает репозиторий.
page-no-commit = Такого коммита нет
page-no-commit-hint = Его ещё не прочитали, или он не касался наборов, за которыми вы следите.
page-commit-head = Коммит
page-what-done = Что сделано
page-verdict = Вердикт
page-no-build = Сборки нет
page-no-job = Работы нет
page-job-number = Работа { $job }
page-no-model = Модели нет
page-model-of = Модель { $model }
page-step-serves = Отвечает людям
page-step-serves-not = Людям не отвечает

page-people-count = { $count ->
        [one] Здесь известен { $count } человек.
        [few] Здесь известны { $count } человека.
       *[other] Здесь известно { $count } человек.
    }
page-find-person = Имя или номер в Telegram
page-nobody-found = Никто не нашёлся
page-nobody-found-hint = Нужен номер в Telegram целиком или часть имени.
page-nameless = Без имени
page-blocked = закрыт
page-unreachable = бот у него заблокирован
page-telegram-id = Номер в Telegram
page-plan = План
page-left-of-plan = Осталось в плане
page-role = Роль
page-not-self = Свою роль меняет другой администратор.
page-take-scope = Забрать
page-take-scope-sure = Забрать курс { $scope }?
page-yes-take = Да, забрать
page-change-role = Сменить роль
page-role-to = Какая роль
page-scope-of-teacher = Курс преподавателя
page-role-hint = Прежняя роль закончится; курсы преподавателя складываются. Человек получит сообщение.
page-yes-role = Да, дать эту роль
page-block = Закрыть доступ
page-block-sure = Больше не отвечать: { $person }? Разговоры останутся.
page-yes-block = Да, закрыть
page-unblock = Открыть доступ
page-unblock-sure = Снова отвечать этому человеку?
page-yes-unblock = Да, открыть
page-gift = Подарить вопросы
page-gift-hint = Сверх плана. Они тратятся, когда в плане места нет; человек получит сообщение.
page-gift-go = Выбрать
page-gift-format = Каких
page-gift-amount = Сколько
page-gift-days = На какой срок
page-for-ever = без срока
page-yes-gift = Да, подарить
page-said-given = Подарено.
page-said-done = Сделано.
page-what-was-done = Что с ним делали
page-nothing-done = Записей нет.

page-processes = Процессы
page-alive = работает
page-silent-now = молчит
page-up-for = { $step }, запущен { $time } назад
page-silent-for = последнее слово { $time } назад
page-queues = Очереди
page-failures = Не удалось за сутки
page-failed-updates = Ответов
page-failed-requests = Просьб
page-failed-jobs = Работ
page-budget = Деньги за месяц
page-budget-of = Потрачено у { $provider }
page-no-budget = Платных поставщиков нет.
page-sunsets = Погаснут
page-no-sunsets = Ни у одной модели, которой пользуются, нет даты отключения.
page-goes-dark = { $day }, через { $count ->
        [one] { $count } день
        [few] { $count } дня
       *[other] { $count } дней
    }
page-disk = Диск
page-disk-free = свободно { $free } ГиБ из { $total }
page-disk-used = Занято на диске
page-alarms = О чём сообщалось
page-no-alarms = Ни о чём.

page-as-of = на { $at } { $zone }
page-span-day = Сутки
page-span-week = Неделя
page-span-month = Месяц
page-process-none = нет
page-process-none-bot = запустите: merlin bot
page-process-none-daemon = запустите: merlin daemon
page-process-none-api = запустите: merlin api
page-process-none-engine = не настроен: обучает только поставщик
page-queues-about = сколько ждёт старейшее; вся черта: тревога
page-queue-waits = { $count }, { $time }
page-queue-empty = пусто
page-seconds-brief = { $seconds } с
page-percent = { $share } %
page-trend-none = первый ответ появится здесь в течение минуты
page-trend-answers-title = Ответы
page-trend-answers-now = { $span ->
        [day] за сутки
        [week] за неделю
       *[month] за месяц
    }; в этот час { $now }
page-trend-answers-usual = { $span ->
        [day] за сутки
        [week] за неделю
       *[month] за месяц
    }; в этот час { $now }, обычно { $usual }
page-trend-times-title = Время ответа
page-trend-times = половина быстрее; 95 из 100 быстрее { $nearly }
page-trend-half = половина
page-trend-nearly-all = 95 из 100
page-trend-failures-title = Ошибки
page-trend-failures = вопросов { $asked }, доля ошибок { $share } %
page-trend-failures-at = вопросов { $asked }, доля ошибок { $share } %; чаще всего у { $provider }
page-trend-failures-none = ответ получил каждый вопрос
page-trend-ratings-title = Оценки и отказы
page-trend-ratings = понравилось { $liked }, не понравилось { $disliked }; «не знаю» { $unknown }
page-trend-key-p = понравилось
page-trend-key-w = «не знаю»
page-trend-key-b = не понравилось
page-trend-money-title = Деньги
page-trend-money = { $count ->
        [one] за { $count } день
        [few] за { $count } дня
       *[other] за { $count } дней
    }: доход { $income }, расход { $spend }
page-trend-income = доход
page-trend-spend = расход
process-bot = Бот
process-daemon = Демон
process-api = Страницы и API
process-engine = Движок
