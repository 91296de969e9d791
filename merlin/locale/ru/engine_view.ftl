### `merlin engine jobs` и `status`.

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
