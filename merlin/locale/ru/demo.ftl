demo-ports = порты { $ports } заняты; выберите другие: --port
demo-folder = в папке { $folder } лежит что-то другое; выберите другую: --state
demo-no-git = git не установлен
demo-no-samples = примеры наборов не установлены
demo-checked = { $errors ->
    [0] ошибок нет
    [one] { $errors } ошибка
    [few] { $errors } ошибки
   *[many] { $errors } ошибок
  }{ $others ->
    [0] { "" }
    [one] , { $others } замечание
    [few] , { $others } замечания
   *[many] , { $others } замечаний
  }
demo-built = { $build }: учебных { $train }, проверочных { $test }
demo-epoch = { $state }, эпоха { $epoch }, ошибка { $loss }
demo-proved = верно { $right } из { $questions } проверочных
job-launching = запускается
job-queued = в очереди
job-running = обучается
job-paused = на паузе
job-succeeded = обучена
job-failed = не удалось
job-cancelled = отменено
demo-begins = Показ живёт в { $folder }. Первая модель уже в пути…
demo-step-committed = записан
demo-step-checked = проверен
demo-step-built = собран
demo-step-training = обучение
demo-step-proved = проверка ответов
demo-step-serving = отвечает людям
demo-chat = Разговор с ботом: { $url }
demo-api = API: { $url }
demo-engine = Движок (протокол OpenAI): { $url }
demo-repository = Примеры коммитьте сюда: { $path }
demo-commands = Команды работают с ним, например: merlin status --config { $path }
demo-stopped = Остановлено. Всё сохранено в { $folder }; заново начинает `merlin demo --fresh`.
demo-committed = ✔ новый пример закоммичен обычным git: { $commit }
demo-asks = anna спрашивает: { $question }
demo-answers = Merlin отвечает: { $answer }
demo-failed = ✘ показ не удался: { $reason }
demo-late = не дождались: { $what }
