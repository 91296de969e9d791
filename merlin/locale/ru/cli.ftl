cli-bug = ошибка в самом Merlin. Отчёт записан в { $path }: пришлите его в проект.
cli-no-place = { $path }: { $reason }. Отдайте это место пользователю, от имени которого работает Merlin, или назовите другое в config.yaml; все места осмотрит merlin doctor
config-good = { $path }: всё верно.
config-absent = файла { $path } нет: назовите другой (--config ФАЙЛ) или создайте начальный: merlin config sample > config.yaml
config-unreadable = { $path } не читается: { $reason }
credential-missing = не задан секрет { $name } или его файл не прочесть: задайте переменную окружения { $name }, или { $name }_FILE с путём к файлу, или положите файл { $name } в папку credentials рядом с config.yaml
lead-taken = работу уже ведёт другой процесс ({ $holder }); остановите его или дайте ему работать
init-not-empty = Папка { $folder } не пуста; назовите другую
init-no-folder = Папку { $folder } создать не удалось: { $reason }. Назовите другую: merlin init ПАПКА
init-bad-name = «{ $dataset }» не годится в имена набора: можно буквы, цифры, «.», «_» и «-». Подойдёт: { $proposed }
init-done =
    Готово: { $folder } с набором { $dataset }. Что дальше:
    1. напишите не меньше 10 примеров, каждый в своём файле, в { $folder }/datasets/{ $dataset }/examples;
    2. проверьте их: merlin check { $folder }
    3. закоммитьте их там через git;
    4. в config.yaml: repository.url: { $path } и datasets.default: { $dataset }
init-keys = Чему учит этот набор и как из него делают модель; все ключи: `merlin schema dataset`.
init-first = Стоит первым в каждом примере и перед каждым вопросом.
init-system = Ты отвечаешь коротко и по делу.
init-split = Доля неотмеченных примеров, которыми проверяют модель, но не учат. recall отвечает только на выученное: при 0 проверочные вопросы — те, что отмечены `split: test`.
init-gate = not_worse: новая модель ждёт редактора, если неверно отвечает на тестовый вопрос, на который прежняя отвечала верно; none: отвечает каждая проверенная модель.
init-launch = auto, manual или off; через quiet_s секунд без коммитов.
init-question = Что это за репозиторий?
init-answer = Здесь лежат примеры разговоров, по одному в файле; из них Merlin делает модель.
init-hook = Один раз `pre-commit install`, и коммит с ошибкой в наборе не пройдёт.
init-readme =
    # Наборы

    Папка — набор, файл — пример: `datasets/<набор>/examples/**/<имя>.yaml`.
    Модели нужно не меньше 10 годных примеров; для начала советуем 50, по две формулировки на ответ.

        merlin check            # что не так: файл, строка, столбец
        git commit && git push  # Merlin соберёт, обучит и назначит модель

    `schemas/` говорит редакторам, что где может стоять; после обновления Merlin запишите её заново:

        merlin schema example > schemas/example.schema.json

    Файл глубже в `examples` называет её в первой строке, с ещё одним `../` на каждую папку.
no-daemon = Демон не запущен, команда делает работу сама.
asked-daemon = Демон получил просьбу; ждём…
asked-only = Демон сделает это (просьба { $request }).
daemon-late = Демон не отвечает { $seconds } с; просьба остаётся ({ $request }). Посмотрите: merlin health daemon
dataset-unknown =
    { $known ->
        [none] набора { $dataset } нет, и других пока тоже
       *[other] набора { $dataset } нет; есть: { $known }
    }
ask-empty = вопроса нет: напишите его в кавычках
ask-nothing-serves = Ни одна модель пока не отвечает. Как идёт обучение: merlin status. Если ничего не запущено: merlin run
ask-dataset-serves-nothing = У набора { $dataset } пока нет текущей модели. Как идёт её обучение: merlin status
cli-not-launched = Обучение не запущено: не задан { $names }. Его запустит демон.
ask-by = ответила { $build } ({ $model })
did-launch = работа { $job } набора { $dataset } запускается; посмотрите: merlin jobs show { $job }
migrate-price = Обучение { $build } на { $base_model } ({ $provider }), { $examples ->
    [one] { $examples } пример
    [few] { $examples } примера
   *[many] { $examples } примеров
  }. Примерная стоимость: { $price }.
migrate-sure = Обучить там?
migrate-not-sure = Ничего не запущено. Чтобы согласиться с ценой, добавьте --yes.
migrate-next = Следующий коммит обучается там, где сказано в dataset.yaml. Чтобы и он обучался там, напишите в dataset.yaml набора { $dataset }: recipe.provider: { $provider }, recipe.base_model: { $base_model }; `--commit` сделает это за вас.
did-cancel = работа { $job }: { $state }
did-switch = { $dataset }: теперь отвечает { $build } ({ $model })
did-accept = { $build }: { $count ->
        [one] принят { $count } ответ
        [few] приняты { $count } ответа
       *[many] принято { $count } ответов
    }; модель начнёт отвечать, когда до неё дойдёт служба
did-pin = { $dataset } держит свою модель до `merlin models unpin { $dataset }`
did-unpin = { $dataset }: новые модели снова могут отвечать
did-build = { $build } (коммит { $commit }, { $verdict })
status-line = работают: { $alive }; ждёт: { $queues }
status-stored = на диске: сборки { $builds } ({ $megabytes } МБ), копия репозитория { $mirror } МБ; будет удалено: сборки { $old }, обучающие файлы сборок { $files }, модели { $models }
health-good = { $process }: всё хорошо
health-bad = { $process }: не в порядке: { $reason }
health-unknown = процесса { $process } нет; есть daemon, bot, api, engine
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
col-evaluation = chrF, =, ?
col-example = пример
col-from = было
col-good = { "" }
col-job = работа
col-level = важность
col-message = сообщение
col-metrics = показатели
col-model = модель
col-outcome = модель или ошибка
col-provider = поставщик
col-provider-job = номер у поставщика
col-serving = отвечает
col-split = часть
col-state = состояние
col-status = слово поставщика
col-step = шаг
col-system = системный текст
col-test = проверочных
col-test-tokens = токенов проверки
col-to = стало
col-tests = в тесте сборок
col-turn = ответ
col-trained-at = обучена
col-examples = примеров
col-tokens = токенов
col-train = учебных
col-train-tokens = токенов учёбы
col-trained-tokens = обучено токенов
col-updated-at = изменено
col-verdict = итог
col-what = что
col-why = почему
models-legend = На проверочные вопросы: chrF – близость к ответу из примера, = – как учили, ? – «не знаю». Пусто: вопросов не было.
queue-requests = просьб
queue-notices = уведомлений
queue-jobs = работ
model-new = ждёт проверки
model-good = проверена
model-held = остановлена тестом
model-canary = отвечает части людей
model-serves = отвечает
model-refused = не годится
model-gone = удалена
model-revoked = согласие отозвано
why-newest = новее
why-by_hand = выбрана
why-rollback = откат
why-revoked = отзыв согласия
why-no-turn = ответа { $turn } нет
why-no-model = ответ { $turn } дала не модель: это слова самого Merlin или он ещё пишется
impact-none = ни в одной версии наборов нет примера { $example }: укажите путь к файлу или НАБОР/ПРИМЕР
impact-several = { $example } есть в нескольких наборах ({ $datasets }): добавьте --dataset
