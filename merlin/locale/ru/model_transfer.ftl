### `merlin models export`: модели уходят.

export-begins = Записываю { $model } в { $folder }…
export-merging = Сливаю с { $base } и сравниваю. Нужна память для базовой модели…
export-compared = Слитая модель и адаптер расходятся на { NUMBER($distance, maximumFractionDigits: 3) } средней логарифмической вероятности
export-not-merged = Слить модель с базовой не получилось: { $reason }. Выгрузите один адаптер: --form adapter
export-differs = Слитая модель отвечает не так, как адаптер: логарифмы вероятностей расходятся на { NUMBER($distance, maximumFractionDigits: 3) }, больше { NUMBER($most, maximumFractionDigits: 3) }. Ничего не записано. Возьмите базовую модель в bfloat16 без квантования или выгрузите один адаптер
export-no-ollama = Ollama не принимает модели класса { $kind }. Выгрузите с --form merged и преобразуйте программой convert_hf_to_gguf.py из llama.cpp или отвечайте через vLLM
export-done-adapter = Модель { $model } записана в { $folder }: адаптер для PEFT, токенизатор базовой модели и карточка
export-done-merged = Модель { $model } записана в { $folder }: одна модель вместе с базовой и карточка
export-done-ollama = Модель { $model } записана в { $folder }. Загрузить: ollama create ИМЯ -f { $folder }/Modelfile
export-done-recall = Модель { $model } записана в { $folder }, файл recall.npz. Его читает только движок Merlin: recall — не языковая модель, поэтому PEFT, vLLM и Ollama её не загрузят
export-exists = { $folder } уже существует. Назовите новую папку: --to ПАПКА
export-elsewhere = Файлов модели { $model } нет в движке этой машины. Выполните команду на машине, где работает движок провайдера { $provider }
export-hosted = Модель { $model } — у провайдера { $provider }, а он веса своих моделей не отдаёт. Обучите ту же сборку на движке Merlin и выгрузите ту модель
export-recall-form = recall — не языковая модель: формы { $form } у неё нет. Выполните команду без --form: она скопирует файл recall

## Карточка выгруженной модели: README.md.

card-about =
    Модель набора `{ $dataset }` на базовой модели { $base }. { $trained ->
        [here] Обучил Merlin { $version } (метод: { $method }).
        [elsewhere_from_build] Обучена в другом месте на этой сборке.
       *[other] Обучена в другом месте, на чём — неизвестно.
    }
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

## `merlin models add`.

did-add = { $dataset }: адаптер проверяется на { $build } (обучение { $job }). Потом тест, и модель подключится как любая другая
add-no-adapter = { $folder } — не адаптер: нужны adapter_config.json и adapter_model.safetensors, как их пишет save_pretrained из PEFT
add-pickled = Адаптер в { $folder } сохранён через pickle (.bin): при чтении он может запустить чужой код. Сохраните его с safe_serialization=True
add-too-large = { $file } больше { $most } МБ. Обучите с меньшим рангом или слейте адаптер с базовой моделью и добавьте ту папку в engine.models
add-not-engine = { $base } — не языковая модель движка Merlin. Назовите базовую модель адаптера: --base ПРОВАЙДЕР/МОДЕЛЬ
add-no-build = У набора { $dataset } нет сборки{ $build ->
        [none] {""}
       *[other] {" "}{ $build }
    }, на которой проверить модель. Выполните: merlin builds --dataset { $dataset }
add-old-build = У набора { $dataset } отвечает сборка новее, чем { $build }. Уберите --build, чтобы проверить адаптер на новейшей
add-busy = Набор { $dataset } сейчас обучается, или у провайдера уже столько обучений, сколько можно. Повторите команду, когда они закончатся: merlin jobs list
add-gone = Копия адаптера обучения { $job } пропала. Добавьте его снова: merlin models add НАБОР ПАПКА
trained-elsewhere = обучена в другом месте
trained-elsewhere_from_build = обучена в другом месте, на этой сборке
