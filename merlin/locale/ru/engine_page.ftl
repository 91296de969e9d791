### Страницы движка: что обучается, что отвечает, чем занята машина.

engine-page-home = Движок: главная
engine-page-name = Движок
engine-page-lead = Что обучается и что отвечает на этой машине.
engine-page-other-language-name = English
engine-page-busy = Минуту…
engine-page-not-responding = Движок не отвечает. Показаны последние данные; страница обновится, когда он вернётся.

engine-page-running = Идут сейчас
engine-page-waiting = Ждут
engine-page-older = Раньше
engine-page-newest = К новым
engine-page-no-jobs-hint = Его может запустить любая программа с протоколом OpenAI: отправьте файл на /v1/files, затем POST /v1/fine_tuning/jobs. Merlin делает это автоматически после коммита с примерами.
engine-page-nothing-runs = Сейчас ничего не обучается
engine-page-nothing-runs-hint = Новое обучение появится здесь с кривой потерь.

engine-page-method-supervised = обучение на примерах
engine-page-method-dpo = обучение на предпочтениях

engine-page-step-of = шаг { $step } из { $steps }
engine-page-pace = { $tokens } токенов/с
engine-page-left = осталось около { $span }
engine-page-size-gb = { $size } ГБ
engine-page-size-mb = { $size } МБ
engine-page-size-kb = { $size } КБ
engine-page-size-b = { $size } Б
engine-page-of = { $part } из { $whole }

engine-page-losses-caption = Потери по шагам, шкала логарифмическая: чем ниже, тем лучше. Кружки: потери на тесте.

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
engine-page-memory-own = Занято движком
engine-page-models-size = Модели на диске
engine-page-disk-free = Свободно на диске

engine-page-no-questions = С запуска движка вопросов не было.
engine-page-figure-running = Отвечает сейчас
engine-page-figure-waiting = Ждут ответа
engine-page-figure-adapters = Моделей в памяти
engine-page-figure-prompt-tokens = Токенов в вопросах
engine-page-figure-restarts = Перезапусков
engine-page-figure-completion-tokens = Токенов в ответах

engine-page-bases = Базовые модели
engine-page-bases-hint = Модели, от которых можно обучать; они отвечают и сами по себе.
engine-page-pulled = скачана
engine-page-not-pulled = не скачана
engine-page-not-usable = не подходит
engine-page-backend = отвечает { $backend }
engine-page-window = окно { $tokens } токенов
engine-page-no-licence = лицензия не указана
engine-page-models = Обученные модели
engine-page-no-models = Пока ни одной. Модель появится, когда завершится первое обучение.

engine-page-back = Всё обучение
engine-page-pause = Приостановить
engine-page-resume = Продолжить
engine-page-pausing = Остановим после шага…
engine-page-resuming = Продолжаем…
engine-page-cancel-sure = Остановить обучение насовсем? Контрольные точки останутся.
engine-page-method = Метод обучения
engine-page-created = Создано
engine-page-finished = Завершено
engine-page-training-file = Файл для обучения
engine-page-validation-file = Файл для теста
engine-page-seed = Seed
engine-page-job-id = ID
engine-page-hyperparameters = Гиперпараметры
engine-page-its-models = Модели, которым можно задать вопрос
engine-page-no-checkpoints = Контрольных точек пока нет.
engine-page-final = готовая модель
engine-page-after-step = после шага { $step }
engine-page-log = Журнал обучения
engine-page-no-log = Журнала нет: recall обучается внутри движка.

engine-page-sign-in-title = Вход в движок
engine-page-sign-in-lead = Страницы движка открывает его ключ из MERLIN_ENGINE_KEY. Браузер запомнит вход на неделю или до перезапуска движка, сам ключ не хранится.
engine-page-key = Ключ движка
engine-page-wrong-key = Ключ не подходит. Проверьте, что он от этого движка и вставлен целиком.
engine-page-wait = Слишком много неверных ключей. Попробуйте снова через { $span }.

engine-page-error-403-hint = Запрос пришёл с другого сайта или адреса. Откройте движок по его собственному адресу.
engine-page-error-404-hint = Возможно, обучение удалено или адрес скопирован не целиком.
engine-page-error-409 = Обучение уже в другом состоянии
engine-page-error-409-hint = Пока вы нажимали, состояние изменилось. Больше ничего не изменилось; обновите страницу.
engine-page-error-413 = Слишком много данных
engine-page-error-413-hint = Форма слишком большая. Ничего не изменилось.
engine-page-error-422 = Проверьте адрес или форму
engine-page-error-422-hint = Чего-то не хватает. Начните с главной страницы.
engine-page-error-500 = В движке что-то сломалось
engine-page-error-500-hint = Подробности в его журнале. Обучение и ответы продолжаются.
engine-page-error-507 = Проверьте диск
engine-page-error-507-hint = На диске движка нет места, или он неисправен. Освободите место; обучение не пропало.
engine-page-to-board = На главную
engine-page-to-job = К обучению

col-engine-job = обучение
col-base = базовая модель
col-progress = шаги
col-train-loss = потери на обучении
col-test-loss = потери на тесте
col-pace = токенов/с
col-left = осталось
col-backend = отвечает
col-running = сейчас
col-waiting = ждут
col-adapters = в памяти
col-made = токенов
engine-view-silent = Движок не отвечает ({ $place }: { $reason }). Запущен ли он? merlin engine
engine-view-key = Движок не принял ключ ({ $place }). В MERLIN_ENGINE_KEY нужен тот ключ, с которым он запущен.
engine-view-error = { $job }: { $error }
engine-view-counts = Обучения: { $counts }. Обученных моделей: { $models }.
engine-view-machine = Память: { $own } ГБ из { $total }. Модели: { $models } ГБ, свободно { $free } ГБ. Видеокарты: { $gpus }
