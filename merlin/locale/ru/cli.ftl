cli-bug = ошибка в самом Merlin. Отчёт записан в { $path }: пришлите его в проект.
cli-no-place = { $path }: { $reason }. Дайте к этому пути доступ пользователю, от имени которого работает Merlin, или задайте другой в config.yaml; все пути проверит merlin doctor
cli-no-current-folder = Текущая папка удалена. Перейдите в существующую (cd) и повторите
cli-no-utf8 = Это не UTF-8: { $text }. Введите заново в терминале с локалью UTF-8
cli-disk-full = На диске нет места: записано не всё. Освободите место и выполните команду ещё раз
config-valid = { $path }: ошибок нет. Провайдеров, Telegram и серверы репозиториев не спрашивали.{ $default ->
        [none] {""}
       *[other] {" "}Есть ли набор { $default }, на этой машине пока не узнать.
    }{ $closed ->
        [none] {""}
       *[other] {" "}Не проверено, нет прав: { $closed }.
    }
config-absent = файл { $path } не найден: укажите другой (--config ФАЙЛ) или создайте начальный: merlin config sample > config.yaml
config-unreadable = { $path } не читается: { $reason }
credential-no-url = секрет { $name } должен быть адресом https без пробелов, например https://hc-ping.com/…
credential-not-text = файл { $path } секрета { $name } — не текст в UTF-8: запишите секрет в него заново, одной строкой
credential-no-header = в секрете { $name } есть перенос строки или знаки кроме латинских букв, цифр и знаков препинания, и отправить его нельзя. Введите его заново, одной строкой
credential-missing = не задан секрет { $name } или его файл не прочесть. Задайте переменную окружения { $name } или положите файл { $name } в папку credentials рядом с config.yaml
already-running = { $holder ->
        [elsewhere] На другой машине уже работает служба (daemon) или другая команда Merlin.
       *[other] Уже работает служба (daemon) или другая команда Merlin (процесс { $holder }).
    } Остановите её или дождитесь конца команды и повторите.
init-not-empty = Папка { $folder } не пуста; укажите другую
init-no-folder = Папку { $folder } создать не удалось: { $reason }. Укажите другую: merlin init ПАПКА
init-bad-name = «{ $dataset }» не подходит как ID набора: можно буквы, цифры, «.», «_» и «-», но не имена устройств Windows вроде con и aux. Например: { $proposed }
init-done =
    Создана папка { $folder }: config.yaml и набор `{ $dataset }` с { $count ->
        [one] { $count } примером
        [few] { $count } примерами
        [many] { $count } примерами
       *[other] { $count } примерами
    }, уже закоммиченный. Дальше в этой папке:
    1. проверьте примеры: merlin check
    2. обучите модель: merlin engine, а в другом терминале merlin daemon. Примерно через минуту она текущая: merlin status
    3. спросите её: merlin ask { $question }
    4. напишите свои примеры в datasets/{ $dataset }/examples и сделайте коммит.
    Для Telegram: положите токен бота в credentials/TELEGRAM_BOT_TOKEN и запустите merlin run.
init-subject = Начало набора { $dataset }
init-keys = Чему учит этот набор и как по нему обучают модель; все ключи: `merlin schema dataset`.
init-first = Идёт первой в каждом примере и перед каждым вопросом.
init-system = Ты отвечаешь коротко и по делу.
init-split = Доля неотмеченных примеров, которые идут в тест, а не в обучение. recall отвечает только на выученное: при 0 тестовые вопросы — те, что отмечены `split: test`.
init-gate = not_worse: новая модель ждёт редактора, если отвечает на тестовые вопросы хуже прежней; none: текущей становится каждая проверенная модель.
init-launch = auto, manual или off; через quiet_s секунд без коммитов.
init-hook = Выполните один раз `pre-commit install`, и коммит с ошибкой в наборе не пройдёт.
init-readme =
    # Наборы

    Папка — набор, файл — пример: `datasets/<набор>/examples/**/<имя>.yaml`.
    Модели нужно не меньше 10 примеров без ошибок; для начала советуем 50, по две формулировки на ответ.

        merlin check            # что не так: файл, строка, столбец
        git commit && git push  # Merlin соберёт набор, обучит модель и подключит её к боту

    `schemas/` подсказывает редакторам, какие ключи можно писать; после обновления Merlin запишите её снова:

        merlin schema example > schemas/example.schema.json

    Файл глубже в `examples` называет её в первой строке, с ещё одним `../` на каждую папку.
next-command = Дальше: { $command }
no-daemon = Демон не запущен, поэтому команда сделает всё сама.
queued-waiting = Задача передана демону; ждём…
queued-only = Демон сделает это (задача { $request }).
daemon-late = Демон не отвечает { $seconds } с; задача { $request } сохранена. Проверьте: merlin health daemon
dataset-unknown =
    { $known ->
        [none] набор { $dataset } не найден; наборов пока нет
       *[other] { $near ->
            [none] набор { $dataset } не найден; есть: { $known }
           *[other] набор { $dataset } не найден; может быть, { $near }?
        }
    }
ask-empty = вопроса нет: напишите его в кавычках
ask-no-live-model = Ни одна модель пока не отвечает. Как идёт обучение: merlin status. Если ничего не запущено: merlin run
ask-dataset-no-live-model = У набора { $dataset } пока нет текущей модели. Как идёт её обучение: merlin status
cli-not-launched = Обучение не запущено: не задан { $names }. Его запустит демон.
ask-by = ответила { $build } ({ $model })
ask-nearest = Возможно, вы имели в виду: { $questions }
quote-refused = Сейчас сборку не запустить: { $reason }
did-launch = Обучение { $job } набора { $dataset } запускается
did-cancel = обучение { $job }: { $state }
did-switch = { $dataset }: теперь отвечает { $build } ({ $model })
did-rollback = { $dataset }: снова отвечает { $build } ({ $model }), модель закреплена
did-accept = { $build }: { $count ->
        [one] принят { $count } ответ
        [few] приняты { $count } ответа
       *[many] принято { $count } ответов
    }; демон скоро сделает модель текущей
did-pin = { $dataset }: модель закреплена, новые ждут
did-unpin = { $dataset }: новые модели снова могут стать текущими
did-build = { $build } (коммит { $commit }, { $verdict })
status-line = работают: { $alive }; в очереди: { $queues }
status-failed-request = задача { $request } ({ $what }) от { $at } не выполнена: { $reason }. Устраните причину и повторите команду
health-unknown = неизвестный процесс { $process }; есть daemon, bot, api, engine
col-at = время
col-author = автор
col-build = сборка
col-by = кто
col-commit = коммит
col-created-at = создано
col-dataset = набор
col-detail = подробно
col-digest = отпечаток
col-error = ошибка
col-evaluation = верно, chrF, =, ?
col-applied = обучение применяется
col-example = пример
col-good = { "" }
col-job = обучение
col-level = важность
level-info = обычная
level-warn = предупреждение
level-warning = { level-note }
level-error = ошибка
level-note = замечание
col-message = сообщение
col-metrics = показатели
col-model = модель
col-outcome = модель или ошибка
col-provider = провайдер
col-provider-job = ID у провайдера
col-serving = текущая
col-rows = строки
col-split = часть
col-state = состояние
col-status = статус у провайдера
col-step = шаг
col-system = инструкция
col-table = таблица
col-test = для теста
col-test-tokens = токенов в тесте
col-tests = в тесте сборок
col-answers = ответы
col-turn = ответ
col-trained-at = обучена
col-examples = примеров
col-tokens = токенов
col-train = для обучения
col-train-tokens = токенов в обучении
col-trained-tokens = токенов у провайдера
col-duration = длительность
col-estimate = примерная стоимость
col-verdict = итог
col-what = что
models-legend = По тестовым вопросам: верных ответов из всех, chrF — сходство с эталоном. Пусто — вопросов не было.
queue-requests = задачи
queue-notices = уведомления
queue-jobs = обучения
model-new = ждёт проверки
model-good = проверена
model-held = не стала текущей
model-serves = текущая
model-refused = отклонена
model-gone = удалена
model-unapplied = не применена
model-revoked = согласие отозвано
why-newest = новая сборка
why-returned = вернулась прежняя сборка
why-by_hand = выбрана вручную
why-rollback = возврат прежней
why-revoked = отзыв согласия
why-no-turn = Ответ { $turn } не найден
why-no-model = Ответ { $turn } дала не модель: это текст самого Merlin, или ответ ещё пишется
impact-not-found = Ни в одной сборке нет примера { $example }: укажите путь к файлу или НАБОР/ПРИМЕР
impact-several = { $example } есть в нескольких наборах ({ $datasets }): добавьте --dataset
cli-yes-or-no = [да/Нет]
