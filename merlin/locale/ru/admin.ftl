# Экраны тех, кто ведёт Merlin: /admin.
bot-command-admin = управление
admin-title = Управление
admin-home = Ваша роль: { $role }.
admin-live-model = { $dataset }: отвечает { $build }, с { $since }
admin-live-model-removed = { $dataset }: набор удалён из репозитория, но { $build } ещё отвечает, с { $since }
admin-live-model-none = { $dataset }: обученной модели пока нет
admin-board-card = { $sign } { $state }: { $subject }
admin-board-left = { $share } %, ещё { $time }
admin-examples = 📚 Примеры
admin-jobs = ⚙️ Обучение
admin-models = 🧠 Модели
admin-users = 👥 Люди
admin-health = 🩺 Состояние системы
admin-sure = Точно?
admin-refresh = 🔄 Обновить
admin-continue = Продолжить ›
admin-queued = Задача поставлена
admin-queued-wait = Выполняю. Результат появится здесь.
admin-queued-late = Служба обучения не запущена. Задача сохранена и выполнится, когда служба запустится; результат появится здесь.
admin-queued-already = Задача уже в очереди, жду результата.
admin-refused = Не получилось: { $reason }
admin-no-dataset = Этого набора здесь больше нет. Все наборы: /admin
admin-no-datasets = Наборов пока нет: репозиторий ещё не прочитан.
admin-no-model = У обучения { $job } нет модели.
admin-did-launch = Обучение { $job } набора { $dataset } запускается.
admin-did-cancel = Обучение { $job }: { $state ->
        [cancelled] отменено
        [succeeded] успело завершиться, но отвечать его модель не будет
        [failed] уже завершилось с ошибкой
       *[other] отменяется
    }.
admin-did-promote = { $dataset }: теперь отвечает { $build } ({ $model }).
admin-did-accept = { $dataset }: { $count ->
        [one] принят { $count } ответ { $build }
        [few] приняты { $count } ответа { $build }
       *[many] принято { $count } ответов { $build }
    }. Сейчас модель начнёт отвечать людям.
admin-did-rollback = { $dataset }: снова отвечает { $build } ({ $model }). Модель закреплена, новые ждут.
admin-did-pin = { $dataset }: модель закреплена, новые ждут.
admin-did-unpin = { $dataset }: модель откреплена, новые снова могут её сменить.
admin-jobs-list = Новые сверху. Нажмите на обучение, чтобы узнать подробности.
admin-jobs-none = Обучений ещё не было.
admin-job = Обучение { $job } · { $build }
admin-job-state =
    Состояние: { $state }
    Поставщик: { $provider }, базовая модель: { $base }, попытка { $attempt }
admin-job-cost = Стоимость: { $cost }; токенов обучено: { NUMBER($tokens) }
admin-job-times = Запущено { $created }, обновлено { $updated }
admin-job-last = Сейчас: { $message }
admin-job-error = Причина: { $error }
admin-losses = 📈 График потерь
admin-events = 📜 События
admin-cancel-job = ⏹ Остановить обучение
admin-ask-cancel = Остановить обучение { $job } ({ $build })? Оплаченное не вернётся, текущая модель продолжит отвечать.
admin-model = 🧠 Модель
admin-launch = 🚀 Запустить обучение
admin-launch-again = 🚀 Обучить ещё раз
admin-launch-which = На каком наборе обучить модель? Возьму его последнюю сборку, стоимость покажу заранее.
admin-launch-impossible = Обучение не запустить
admin-launch-summary = { $build } на { $base } ({ $provider }): { $examples ->
        [one] { $examples } пример
        [few] { $examples } примера
       *[many] { $examples } примеров
    }, { $epochs ->
        [one] { $epochs } эпоха
        [few] { $epochs } эпохи
       *[many] { $epochs } эпох
    }.
admin-launch-price = Примерная стоимость: { $cost }.
admin-price-unknown = цена этой базовой модели неизвестна
admin-budget-left = Бюджет на месяц: осталось { $left } из { $cap }.
admin-models-which = Это текущие модели. Нажмите на набор, чтобы увидеть все его модели.
admin-serving-now = Отвечает { $build } ({ $model }, { $provider }) с { $since }.{ $pinned ->
        [yes] { " " }📌 Закреплена: новые ждут.
       *[no] { "" }
    }
admin-model-summary =
    { $model }
    Поставщик: { $provider }
    Состояние: { $state }, создана { $created }
admin-history = 🕘 История
admin-history-of = История: { $dataset }
admin-history-line = { $at } → { $to } ({ $why }, { $by })
admin-compare = ⚖️ Сравнить
admin-compare-which = С какой моделью сравнить?
admin-compare-none = Сравнивать пока не с чем: это единственная модель.
admin-scores = 📈 Тест по версиям
admin-scores-none = Ответов на тестовые вопросы нет.
admin-scores-title = Тест { $model }: доля верных ответов, %
admin-its-job = ⚙️ Её обучение
admin-promote = ⬆️ Сделать текущей
admin-accept = ✅ Принять эти ответы
admin-ask-accept = Сделать { $build } текущей в «{ $dataset }», хотя на эти вопросы она отвечает иначе? Следующие модели они не остановят, пока ответы в наборе прежние.
admin-held = 🛑 Пока не отвечает людям: { $reason }.
    { $list }{ $more ->
        [0] { "" }
       *[other] { "\u000A" }… и ещё { $more }
    }
admin-to-model = 🔎 Посмотреть модель
admin-ask-promote = Сделать { $build } текущей моделью набора «{ $dataset }»? Люди сразу начнут получать её ответы.
admin-pin = 📌 Закрепить
admin-ask-pin = Закрепить текущую модель набора «{ $dataset }»? Новые не сменят её, пока вы её не открепите.
admin-unpin = 📌 Разрешить следующую модель
admin-ask-unpin = Открепить модель набора «{ $dataset }»? Новая модель, прошедшая тест, сможет сразу её сменить.
admin-rollback = ⏪ Вернуть прежнюю
admin-ask-rollback = Вернуть набору «{ $dataset }» прежнюю модель { $build }? Она будет закреплена: новые не сменят её, пока вы её не открепите.
admin-not-available = Это действие вам больше недоступно.
admin-to-job = ⚙️ К обучению
admin-grouped = { $count ->
        [one] { $count } сообщение об одном и том же:
        [few] { $count } сообщения об одном и том же:
       *[many] { $count } сообщений об одном и том же:
    }
admin-grouped-more = и ещё { $count }
people-not-self = Свои роль и доступ менять нельзя: попросите другого администратора.
people-not-admin = Это администратор: сначала снимите роль.
notice-unblocked-renewal = Бот снова вам отвечает. Автопродление плана «{ $ru }» выключено, деньги за него не спишутся. Чтобы включить его, купите план ещё раз: /plan
notice-role = Ваша роль теперь: { $role }.
notice-role-scopes = Ваша роль теперь: { $role } ({ $scopes }). Начните с /admin
notice-gift = Вам подарили { $what }. Сначала расходуются вопросы плана, потом подаренные.
cast-nobody = Отправлять некому.
step-serving = отвечает
step-telegram-down = Telegram недоступен
step-updates-elsewhere = сообщения забирает другая программа с тем же токеном
step-fetch-fails = не может прочитать новые коммиты
step-working = работает
step-commits = обрабатывает коммиты, готово { NUMBER($done) } из { NUMBER($total) }{ $datasets ->
        [0] {""}
        [1] {""}
       *[other] ; в текущем готово наборов: { NUMBER($checked) } из { NUMBER($datasets) }
    }
health-alive = { $sign } { $name }: { $step }, запущен { $up } назад
health-silent = { $sign } { $name }: нет сигнала { $ago }
health-queue-requests = Задачи
health-queue-notices = Уведомления
health-queue-updates = Сообщения людей
health-queue-letters = Исходящие
health-waits = { $queue }: в очереди { $count }, самое старое ждёт { $age }
health-queues-empty = Очереди пусты.
health-failures = Не удалось за сутки: ответы в Telegram { $updates }, задачи { $requests }, обучения { $jobs }
health-spent = { $provider }: в этом месяце { $spent }
health-spent-of = { $provider }: в этом месяце { $spent }, осталось { $left }
health-sunset = ⌛ { $model } ({ $used }) отключат { $date }, через { $days ->
        [one] { $days } день
        [few] { $days } дня
       *[many] { $days } дней
    }
health-disk = Диск: свободно { $free } ГиБ ({ $share } %)
health-alarms = Последние оповещения:
bot-blocked = Администратор закрыл вам доступ, поэтому я не отвечаю. Свои данные можно получить или удалить: /export, /delete_me

runbook-button = ❓ Что делать
runbook-page = 🌐 Открыть на сайте
runbook-title = { $cause ->
    [provider] Поставщик не справляется
    [repository] Репозиторий не работает
    [telegram] Telegram и бот
    [sunset] Модель скоро отключат
   *[machine] Сервер или сам Merlin
}
runbook-provider =
    Проверьте страницу состояния поставщика, ключ и деньги на счёте. merlin doctor спросит поставщика сам.
    Если ответов нет, верните модель другого поставщика в разделе «Модели».
    Обучения, которые ждут, продолжатся автоматически. Почему обучение не удалось, сказано в разделе «Обучение»; там же его можно запустить снова.
runbook-repository =
    Запустите merlin doctor: он прочитает репозиторий и проверит отправку.
    Проверьте адрес и ключ в config.yaml и работает ли git-сервер.
    Текущие модели отвечают, все правки сохранены. При следующей проверке всё продолжится автоматически.
runbook-telegram =
    Проверьте, что токен этого бота использует только одна программа, и остановите вторую.
    Если Telegram работает медленно, подождите: сообщения стоят в очереди и уйдут позже. merlin doctor покажет, куда приходят обновления.
runbook-machine =
    Проверьте место на диске: merlin status покажет, сколько занимают сборки, merlin prune освободит место.
    Если это ошибка в Merlin, пришлите тому, кто за ним следит, самый новый файл из папки reports и журнал этого процесса.
    Остановился только этот шаг. Остальное работает.
runbook-sunset =
    Узнайте, сколько стоит переезд: merlin migrate НАБОР --to ПОСТАВЩИК/МОДЕЛЬ --dry-run
    Укажите новую базовую модель в dataset.yaml. Обученная на ней модель пройдёт тест, прежде чем стать текущей.
    Для голоса, фотографий, пресетов и ассистента смените модель в config.yaml.
