# Экраны тех, кто ведёт Merlin: /admin.
bot-command-admin = управление
admin-title = Управление
admin-home = Ваша роль: { $role }.
admin-page = 🖥 Всё остальное: страница
admin-live-model-none = { $dataset }: обученной модели пока нет
admin-examples = 📚 Примеры
admin-jobs = ⚙️ Обучение
admin-models = 🧠 Модели
admin-sure = Точно?
admin-refresh = 🔄 Обновить
admin-continue = Продолжить ›
admin-queued = Задача поставлена
admin-queued-wait = Выполняю. Результат появится здесь.
admin-queued-late = Служба обучения не запущена. Задача сохранена и выполнится, когда служба запустится. Результат появится здесь.
admin-queued-already = Задача уже в очереди, жду результата.
admin-refused = Не получилось: { $reason }
admin-no-dataset = Этого набора здесь больше нет. Все наборы: /admin
admin-no-datasets = Наборов пока нет: репозиторий ещё не прочитан.
admin-no-model = У обучения { $job } нет модели.
admin-did-cancel = Обучение { $job }: { $state ->
        [cancelled] отменено
        [succeeded] успело завершиться, но отвечать его модель не будет
        [failed] уже завершилось с ошибкой
       *[other] отменяется
    }.
admin-did-rollback = { $dataset }: снова отвечает { $build } ({ $model }). Модель закреплена, новые ждут.
admin-jobs-list = Новые сверху. Нажмите на обучение, чтобы узнать подробности.
admin-jobs-none = Обучений ещё не было.
admin-job = Обучение { $job } · { $build }
admin-job-state =
    Состояние: { $state }
    Провайдер: { $provider }, базовая модель: { $base }, попытка { $attempt }
admin-job-cost = Примерная стоимость: { $cost }
admin-job-tokens = { page-trained-tokens }: { NUMBER($tokens) }
admin-job-times = Запущено { $created }, длительность { $took }
admin-job-last = Сейчас: { $message }
admin-job-error = Причина: { $error }
admin-job-page = 🖥 События и потери: страница
admin-cancel-job = ⏹ Остановить обучение
admin-ask-cancel = Остановить обучение { $job } ({ $build })? Оплаченное не вернётся, текущая модель продолжит отвечать.
admin-models-which = Это текущие модели. Нажмите на набор, чтобы узнать о его модели больше.
admin-all-models = 🖥 Все модели: страница
admin-serving-now = Отвечает { $build } ({ $model }, { $provider }) с { $since }.{ $pinned ->
        [yes] { " " }📌 Закреплена: новые ждут.
       *[no] { "" }
    }
admin-to-model = 🔎 Посмотреть модель
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
notice-role = Ваша роль теперь: { $role }.
notice-role-scopes = Ваша роль теперь: { $role } ({ $scopes }). Начните с /admin
step-serving = отвечает
step-telegram-down = Telegram недоступен
step-updates-elsewhere = сообщения забирает другая программа с тем же токеном
step-fetch-fails = не может прочитать новые коммиты
step-working = работает
step-commits = обрабатывает коммиты, готово { NUMBER($done) } из { NUMBER($total) }
bot-blocked = Администратор закрыл вам доступ, поэтому я не отвечаю. Свои данные можно получить или удалить: /export, /delete_me

runbook-provider =
    Проверьте страницу состояния провайдера, ключ и деньги на счёте. Их проверит и merlin doctor.
    Если ответов нет, верните модель другого провайдера в разделе «Модели».
    Обучения, которые ждут, продолжатся автоматически. Почему обучение не удалось, видно в разделе «Обучение». Там же его можно запустить снова.
runbook-repository =
    Запустите merlin doctor: он прочитает репозиторий.
    Проверьте адрес и ключ в config.yaml и работает ли git-сервер.
    Текущие модели отвечают, все правки сохранены. При следующей проверке всё продолжится автоматически.
runbook-telegram =
    Проверьте, что токен этого бота использует только одна программа, и остановите вторую.
    Если Telegram работает медленно, подождите: сообщения стоят в очереди и уйдут позже. merlin doctor покажет, куда приходят обновления.
runbook-machine =
    Проверьте место на диске: merlin status покажет, сколько занимают сборки. Те, что не отвечали людям, удаляются через 30 дней.
    Если это ошибка в Merlin, пришлите тому, кто за ним следит, самый новый файл из папки reports и журнал этого процесса.
    Остановился только этот шаг. Остальное работает.
runbook-sunset =
    Укажите новую базовую модель в dataset.yaml. Обученная на ней модель пройдёт тест, прежде чем стать текущей.
    Для голоса, фотографий, пресетов и ассистента смените модель в config.yaml.
