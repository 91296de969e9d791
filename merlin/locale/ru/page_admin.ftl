# Страницы тех, кто следит за обучением и людьми.
page-nav-admin = Управление
page-admin = Управление
page-admin-sections = Разделы управления
page-section-home = Коммиты
page-section-jobs = Обучение
page-section-models = Модели
page-users-all = Все люди
page-section-users = Люди
page-section-audit = Журнал действий
page-older = Показать более ранние

page-request-waiting = в очереди
page-request-working = выполняется
page-request-done = готово
page-request-failed = не удалось
page-request-late = Демон сейчас не работает. Задача сохранена и выполнится, когда он запустится.
page-request-fetch = Прочитать репозиторий
page-request-census = Пересчитать модели
page-request-build = Сборка { $target }
page-request-launch = Запуск обучения: { $target }
page-request-cancel = Остановка обучения { $target }
page-request-accept = Принятие ответов { $target }
page-request-promote = Смена текущей модели: { $target }
page-request-rollback = Возврат прежней модели: { $target }
page-request-pin = Закрепление модели: { $target }
page-request-unpin = Открепление модели: { $target }
page-request-add = Добавить адаптер: { $target }

page-serving-now = Текущие модели
page-no-serving = Обученных моделей пока нет
page-no-serving-hint = Первая появится, когда обучится и пройдёт тест.
page-answers-since = Отвечает с
page-score = Тест
page-score-of = верно { $right } из { $questions }
page-base = Базовая модель

page-jobs-running = Идут сейчас
page-jobs-finished = Завершено
page-no-jobs = Обучений ещё не было
page-no-jobs-hint = Обучение начинается автоматически после коммита с новыми примерами.
page-launch = Запустить обучение
page-dataset = Набор
page-ask-price = Рассчитать стоимость
page-price-unknown = неизвестна
page-launch-for = Запустить обучение: { $price }
page-launching = Запускаем…
page-trains-on = Обучается на
page-examples-count = { $count ->
        [one] { $count } пример
        [few] { $count } примера
       *[other] { $count } примеров
    }
page-epochs = Эпох
page-spent-month = В этом месяце
page-spent-of = { $spent } из { $cap }

page-offers = У каждого провайдера
page-offer-where = Базовая модель
page-offer-cost = Стоимость
page-offer-time = Время
page-offer-fit = Память
page-offer-seen = Кто видит примеры
offer-where = { $base } · { $provider }
offer-chosen = { $base } · { $provider } (выбрана)
offer-unknown = неизвестно
offer-seen-nobody = больше никто
offer-fit = { $fit ->
        [yes] здесь хватит
        [no] здесь не хватит
        [unknown] неизвестно
       *[other] здесь не нужна
    }
offer-fit-gb = { $fit ->
        [yes] здесь хватит: около { $gb } ГБ
        [no] здесь не хватит: около { $gb } ГБ
       *[other] около { $gb } ГБ
    }

page-job-title = Обучение { $job }
page-stop-job = Остановить обучение
page-stop-job-sure = Остановить обучение? Оплаченное не вернётся, текущая модель продолжит отвечать.
page-yes-stop = Да, остановить
page-stopping = Останавливаем…
page-progress-of = Ход обучения { $job }
page-launch-again = Обучить ещё раз
page-job-reason = Причина: { $error }
page-job-safe = Данные целы, обучение можно повторить.
page-job-now = Обучение: { $state }
page-no-losses = { chart-none }
page-losses-of = Потери обучения { $job }
page-losses-caption = Потери по шагам, шкала логарифмическая: чем ниже, тем лучше. Кружки: контрольные точки.
page-curve-train = Потери на обучении: от { $first } до { $last } к шагу { $step }.
page-curve-test = Потери на тесте: от { $first } до { $last } к шагу { $step }.
page-epoch = эпоха { $epoch }
page-epoch-of = эпоха { $epoch } из { $epochs }
page-facts = Подробности
page-started = Запущено
page-took = Длительность
page-attempt = Попытка
page-estimate = Примерная стоимость
page-trained-tokens = Токенов у провайдера
page-at-provider = У провайдера
page-events = События
page-no-events = Событий пока нет.
page-build-of = Сборка { $build }
page-its-test = Её тест

page-only-dataset = Только набор «{ $dataset }».
page-show-all-models = Показать все
page-nothing-serves = Обученной модели пока нет, отвечает общая: { $datasets }{ $more ->
        [0] {""}
       *[other] {" "}и ещё { $more }
    }.
page-pinned = закреплена
page-until = до { $day }
page-roll-back = Вернуть прежнюю
page-roll-back-what = Что изменится
page-roll-back-sure = Вернуть набору «{ $dataset }» прежнюю модель { $model }? Люди сразу начнут получать её ответы. Она будет закреплена: новые не сменят её, пока вы её не открепите.
page-yes-roll-back = Да, вернуть
page-pin = Закрепить
page-pin-sure = Закрепить модель набора «{ $dataset }»? Новые не сменят её, пока вы её не открепите.
page-yes-pin = Да, закрепить
page-unpin = Открепить
page-unpin-sure = Открепить модель набора «{ $dataset }»? Новая модель, прошедшая тест, сможет сразу её сменить.
page-yes-unpin = Да, открепить
page-accept-meant = Так и задумано
page-accept-meant-sure = Сделать { $model } текущей в «{ $dataset }» со всеми этими изменениями?
page-yes-accept-meant = Да, так и задумано
page-accept-lost = Принять эти ответы
page-accept-lost-sure = Сделать { $model } текущей в «{ $dataset }», хотя на эти вопросы она отвечает иначе? Следующие модели они не остановят, пока ответы в наборе прежние.
page-yes-accept-lost = Да, принять
page-promote = Сделать текущей
page-promote-sure = Сделать { $model } текущей моделью набора «{ $dataset }»? Люди сразу начнут получать её ответы.
page-yes-promote = Да, сделать текущей
page-other-models = Остальные модели
page-history = История: какая модель когда отвечала
page-history-model = Модель
page-why = Почему
page-state = Состояние

page-and-more = и ещё { $count }
page-split = Для чего

page-no-build = Сборки нет
page-no-job = Обучения нет
page-no-model = Модели нет
page-model-of = Модель { $model }
page-step-serves = Текущая модель
page-step-serves-not = Не текущая

page-people-count = { $count ->
        [one] Боту написал { $count } человек.
        [few] Боту написали { $count } человека.
       *[many] Боту написали { $count } человек.
    }
page-find-person = Имя, логин или ID в Telegram
page-no-users-found = Никого не нашлось
page-no-users-found-hint = Введите ID в Telegram или логин целиком либо часть имени.
page-nameless = Без имени
page-blocked = доступ закрыт
page-telegram-id = ID в Telegram
page-plan = Тариф
page-beyond = сверх тарифа { $count }
page-left-of-plan = Осталось в тарифе
page-role = Роль
page-not-self = Вашу роль может сменить другой администратор.
page-remove-scope = Убрать курс
page-remove-scope-sure = Убрать у преподавателя курс { $scope }?
page-yes-remove-scope = Да, убрать
page-change-role = Сменить роль
page-role-to = Какая роль
page-scope-of-teacher = Курс преподавателя
page-role-hint = Прежняя роль закончится; у преподавателя может быть несколько курсов. Человек получит уведомление.
page-yes-role = Да, выдать роль
page-block = Закрыть доступ
page-block-sure = Закрыть доступ: { $person }? Бот перестанет отвечать, автопродление за звёзды отключится, разговоры сохранятся.
page-yes-block = Да, закрыть
page-unblock = Открыть доступ
page-unblock-sure = Открыть доступ? Бот снова будет отвечать этому человеку.
page-yes-unblock = Да, открыть
page-no-expiry = без срока
page-result-done = Сохранено.
page-audit-empty = Записей нет.


page-percent = { $share } %
page-rated-enough = { $count ->
    [one] { $count } оценённый ответ может учить следующую модель
    [few] { $count } оценённых ответа могут учить следующую модель
   *[many] { $count } оценённых ответов могут учить следующую модель
  }: задайте recipe.method: kto.
