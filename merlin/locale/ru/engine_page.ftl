### Страницы движка: что обучается, что отвечает, чем занята машина.

engine-page-skip = К содержанию
engine-page-home = Движок: главная
engine-page-name = Движок
engine-page-title = Движок
engine-page-lead = Что обучается и что отвечает на этой машине.
engine-page-other-language = en
engine-page-other-language-name = English
engine-page-to-dark = Включить тёмную тему
engine-page-to-light = Включить светлую тему
engine-page-sign-out = Выйти
engine-page-busy = Минуту…
engine-page-no = Нет
engine-page-lost = Движок не отвечает. Что на странице, то было последним; она обновится сама, когда он вернётся.

engine-page-running = Идут сейчас
engine-page-waiting = Ждут
engine-page-over = Закончены
engine-page-older = Раньше
engine-page-newest = К новым
engine-page-no-jobs = Работ ещё не было
engine-page-no-jobs-hint = Работу создаёт программа протокола OpenAI: пришлите файл на /v1/files, затем POST /v1/fine_tuning/jobs. Merlin делает это сам после коммита с примерами.
engine-page-nothing-runs = Сейчас ничего не обучается
engine-page-nothing-runs-hint = Новая работа появится здесь сама, с кривой потерь.
engine-page-no-curve = Потерь пока не измерено.

engine-page-state-validating_files = проверка файлов
engine-page-state-queued = в очереди
engine-page-state-running = обучается
engine-page-state-paused = на паузе
engine-page-state-succeeded = обучена
engine-page-state-failed = не вышло
engine-page-state-cancelled = отменена
engine-page-method-supervised = обучение на примерах
engine-page-method-dpo = обучение на предпочтениях

engine-page-epoch-of = эпоха { $epoch } из { $epochs }
engine-page-epoch = эпоха { $epoch }
engine-page-step-of = шаг { $step } из { $steps }
engine-page-pace = { $tokens } токенов/с
engine-page-left = осталось около { $span }
engine-page-span-days = { $count } дн
engine-page-span-hours = { $count } ч
engine-page-span-minutes = { $count } мин
engine-page-span-seconds = { $count } с
engine-page-size-gb = { $size } ГБ
engine-page-size-mb = { $size } МБ
engine-page-size-kb = { $size } КБ
engine-page-size-b = { $size } Б
engine-page-of = { $part } из { $whole }

engine-page-progress-of = Ход работы { $job }
engine-page-losses-of = Потери { $job }
engine-page-losses-caption = Потери по шагам, шкала логарифмическая: чем ниже, тем лучше. Кружки: проверочные потери.
engine-page-no-losses = Потерь пока не измерено.
engine-page-curve-train = Учебные потери: от { $first } до { $last } к шагу { $step }.
engine-page-curve-test = Проверочные потери: от { $first } до { $last } к шагу { $step }.
engine-page-picture = Картинкой
engine-page-picture-of = Потери { $job } картинкой

engine-page-machine = Машина
engine-page-cpu = Процессор
engine-page-cores = { $count ->
    [one] { $count } ядро
    [few] { $count } ядра
   *[many] { $count } ядер
}
engine-page-cpu-of = { $share } % · { $cores }
engine-page-gpu-of = { $share } % · { $memory }
engine-page-memory = Память
engine-page-memory-own = Из неё движок
engine-page-models-size = Модели на диске
engine-page-disk-free = Свободно на диске

engine-page-questions = Вопросы
engine-page-no-questions = С начала работы вопросов не было.
engine-page-figure-running = Отвечает сейчас
engine-page-figure-waiting = Ждут ответа
engine-page-figure-adapters = Моделей в памяти
engine-page-figure-prompt-tokens = Токенов в вопросах
engine-page-figure-restarts = Начат заново
engine-page-figure-completion-tokens = Токенов в ответах

engine-page-bases = Базовые модели
engine-page-bases-hint = Модели, от которых можно обучать и которые отвечают сами.
engine-page-pulled = на месте
engine-page-not-pulled = не скачана
engine-page-unfit = не годится
engine-page-backend = отвечает { $backend }
engine-page-window = окно { $tokens } токенов
engine-page-no-licence = лицензия не указана
engine-page-models = Обученные модели
engine-page-no-models = Пока ни одной. Модель появится, когда закончится первая работа.

engine-page-job-title = Работа { $job }
engine-page-back = Все работы
engine-page-now = Работа: { $state }
engine-page-job-safe = Файлы целы, работу можно создать снова.
engine-page-pause = Приостановить
engine-page-resume = Продолжить
engine-page-cancel = Остановить
engine-page-pausing = Останавливаю после шага…
engine-page-resuming = Продолжаю…
engine-page-cancelling = Останавливаю…
engine-page-cancel-sure = Остановить обучение насовсем? Контрольные точки останутся.
engine-page-yes-cancel = Да, остановить
engine-page-facts = О работе
engine-page-base = Базовая модель
engine-page-method = Способ
engine-page-created = Создана
engine-page-finished = Закончена
engine-page-trained-tokens = Токенов показано
engine-page-training-file = Учебный файл
engine-page-validation-file = Проверочный файл
engine-page-seed = Зерно
engine-page-job-id = Номер
engine-page-hyperparameters = Гиперпараметры
engine-page-yes-word = да
engine-page-no-word = нет
engine-page-its-models = Что можно спросить
engine-page-no-checkpoints = Контрольных точек пока нет.
engine-page-final = готовая модель
engine-page-after-step = после шага { $step }
engine-page-diary = Дневник
engine-page-log = Журнал обучения
engine-page-no-log = Журнала нет: recall обучается внутри движка.

engine-page-sign-in = Войти
engine-page-sign-in-title = Вход в движок
engine-page-sign-in-lead = Страницы движка открывает его ключ: тот, что стоит в MERLIN_ENGINE_KEY. Браузер запомнит вход на неделю или до перезапуска движка, сам ключ не хранится.
engine-page-key = Ключ движка
engine-page-wrong-key = Ключ не подходит. Проверьте, что он от этого движка и вставлен целиком.
engine-page-wait = Слишком много неверных ключей. Попробуйте снова через { $span }.

engine-page-trouble-403 = Отсюда нельзя
engine-page-trouble-403-hint = Запрос пришёл с чужой страницы или под чужим именем. Откройте движок по его собственному адресу.
engine-page-trouble-404 = Такой страницы нет
engine-page-trouble-404-hint = Работа могла быть удалена, или адрес скопирован не целиком.
engine-page-trouble-409 = Работа уже в другом состоянии
engine-page-trouble-409-hint = Пока вы нажимали, она продвинулась дальше. Ничего не изменилось; посмотрите, как она стоит теперь.
engine-page-trouble-413 = Слишком много за раз
engine-page-trouble-413-hint = Форма принесла больше, чем бывает в ней. Ничего не изменилось.
engine-page-trouble-422 = Запрос непонятен
engine-page-trouble-422-hint = Чего-то в адресе или в форме не хватает. Начните с главной страницы.
engine-page-trouble-500 = Страница не удалась
engine-page-trouble-500-hint = Это ошибка движка, подробности в его журнале. Работы и ответы идут дальше.
engine-page-trouble-507 = Диск не принимает
engine-page-trouble-507-hint = На диске движка нет места или он неисправен. Освободите место; работы целы.
engine-page-to-board = На главную
engine-page-to-job = К работе

col-engine-job = работа
col-base = база
col-progress = шаги
col-train-loss = учебные
col-test-loss = проверочные
col-pace = токенов/с
col-left = осталось
col-answers = отвечает
col-running = сейчас
col-waiting = ждут
col-adapters = в памяти
col-made = токенов
engine-view-silent = Движок не отвечает ({ $place }: { $reason }). Запущен ли он? merlin engine
engine-view-key = Движок не принял ключ ({ $place }). В MERLIN_ENGINE_KEY должен стоять тот ключ, с которым он запущен.
engine-view-error = { $job }: { $error }
engine-view-counts = Работы: { $counts }. Обученных моделей: { $models }.
engine-view-machine = Память: { $own } ГБ из { $total }. Модели: { $models } ГБ, свободно { $free } ГБ. Видеокарты: { $gpus }
