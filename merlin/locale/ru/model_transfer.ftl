### `merlin models export`: модели уходят.

export-begins = Записываю { $model } в { $folder }…
export-done-adapter = Модель { $model } записана в { $folder }: адаптер для PEFT, токенизатор базовой модели и карточка
export-done-merged = Модель { $model } записана в { $folder }: одна модель вместе с базовой и карточка
export-done-ollama = Модель { $model } записана в { $folder }. Загрузить: ollama create ИМЯ -f { $folder }/Modelfile
export-done-recall = Модель { $model } записана в { $folder }, файл recall.npz. Его читает только движок Merlin: recall — не языковая модель, поэтому PEFT, vLLM и Ollama её не загрузят
export-exists = { $folder } уже существует. Назовите новую папку: --to ПАПКА
export-elsewhere = Файлов модели { $model } нет в движке этой машины. Выполните команду на машине, где работает движок провайдера { $provider }
export-hosted = Модель { $model } — у провайдера { $provider }, а он веса своих моделей не отдаёт. Обучите ту же сборку на движке Merlin и выгрузите ту модель
export-recall-form = recall — не языковая модель: формы { $form } у неё нет. Выполните команду без --form: она скопирует файл recall

## Карточка выгруженной модели: README.md.

card-about = Модель набора `{ $dataset }`, дообученная Merlin { $version } на { $base } (метод: { $method }).
card-built = Сборка { $build }, коммит { $commit }, дайджест { $digest }: { $train ->
        [one] { $train } учебный пример
        [few] { $train } учебных примера
       *[many] { $train } учебных примеров
    } от { $editors ->
        [one] { $editors } человека
       *[other] { $editors } человек
    }, { $test ->
        [0] без тестовых вопросов
        [one] { $test } тестовый вопрос
        [few] { $test } тестовых вопроса
       *[many] { $test } тестовых вопросов
    }.
card-scores = Тест: { $questions ->
        [one] верно { $right } из { $questions } вопроса
       *[other] верно { $right } из { $questions } вопросов
    }, сходство { $chrf } из 100 (chrF).
card-applied = { $how ->
        [taught] Модель состоит из выученных ответов.
        [scores] Доказано, что её веса применяются: по вероятностям выученных токенов. Они в `proof.json`: измерьте то же там, где её загрузите.
        [answers] Доказано, что её веса применяются: её ответы отличаются от ответов базовой модели.
       *[other] Что её веса применяются, не доказано.
    }
card-revoked = С тех пор { $count ->
        [one] отозван { $count } пример
        [few] отозваны { $count } примера
       *[many] отозвано { $count } примеров
    }: авторы отозвали согласие. Не передавайте модель дальше, обучите новую сборку.
card-exact-first = В Merlin на вопрос с выученным ответом отвечает `recall.npz`, слово в слово, ещё до модели. Другие программы спрашивают одну модель.
card-no-licence = В файлах { $base } лицензия не названа. Прежде чем передавать модель, посмотрите на её странице.
