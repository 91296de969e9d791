demo-ports = порты { $ports } заняты; выберите другие: --port
demo-folder = { $folder } — не папка демо; выберите другую: --state
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
demo-unchanged = { $build }: сохранено, обучать нечего
demo-built = { $build }: { $train } для обучения, { $test } для теста
demo-epoch = эпоха { $epoch }, потери { $loss }
demo-tested = верно { $right } из { $questions ->
        [one] { $questions } вопроса
       *[other] { $questions } вопросов
    }
job-launching = запускается
job-validating_files = проверка файлов
job-queued = в очереди
job-running = идёт
job-succeeded = завершено
job-failed = не удалось
job-cancelled = отменено
demo-begins = Готовлю демо…
demo-started = Демо запущено: { $folder }. Первая модель уже в пути…
demo-continues = Демо продолжается: { $folder }. Всё, что там было, на месте…
demo-starting = Запускаются движок, демон, бот и страницы
demo-training-of = Обучение { $number } из { $all }, { $name }
demo-seconds = { $seconds } с
demo-front = Откройте { $url }
demo-edited-config = { $path } изменён вручную и используется как есть. Чтобы получить исходный, удалите этот файл.
demo-other-language = Это демо запущено { $language }, язык не изменится; новое запустит `{ $again }`.
demo-language-ru = по-русски
demo-language-en = по-английски
demo-repository = Коммиты с примерами — сюда: { $path }
demo-commands = Команды работают с ним, например: { $merlin } status --config { $path }
demo-stopped = Остановлено. Всё сохранено в { $folder }; начать заново: `{ $again }`.
demo-committed = ✔ новый пример добавлен обычным коммитом git: { $commit }
demo-asks = { $person } спрашивает: { $question }
demo-answers = Merlin отвечает: { $answer }
demo-failed = ✘ демо не удалось: { $reason }
demo-late = за { $seconds } с не дождались: { $what }
demo-wait-first-model = первой модели
demo-wait-second-model = второй модели
demo-wait-chat-page = страницы разговора
demo-wait-answer = ответа
demo-wrong-model = на вопрос «{ $question }» ответила модель { $model }, а текущая — { $serving }
demo-wrong-answer = на вопрос «{ $question }» пришёл другой ответ: { $answer }
demo-restarted = ! процесс { $child } остановился сам (раз: { $times }) и запускается снова. Подробности: { $logs }
demo-running = в папке { $folder } уже работает демо; остановите его (Ctrl-C) или выберите другую: --state
demo-no-folder = папку { $folder } не создать: { $reason }; выберите другую: --state
