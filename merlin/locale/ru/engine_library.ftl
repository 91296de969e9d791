### Базовые модели: почему какой-то нельзя пользоваться.

library-no-folder = Папка { $folder } не найдена. Поправьте engine.models в config.yaml или скопируйте модель туда.
library-no-config = В { $folder } нет config.json, значит, это не базовая модель. Нужны config.json, веса в .safetensors и токенизатор.
library-no-tokenizer = В { $folder } нет токенизатора (tokenizer.json или tokenizer.model). Скопируйте его оттуда, откуда взята модель.
library-no-template = У базовой модели в { $folder } нет шаблона чата. Возьмите её вариант instruct или положите chat_template.jinja рядом с токенизатором.
library-no-shard = В { $folder } не хватает части весов: { $file }. Скопируйте её оттуда, откуда взята модель.
library-pickled = Веса в { $folder } сохранены через pickle (.bin, .pt), а чтение такого файла может запустить чужой код. Возьмите модель в .safetensors.
library-no-weights = В { $folder } нет весов (model.safetensors). Скопируйте их оттуда, откуда взята модель.
library-broken-weights = { $folder }: файл { $file } неполный или это не safetensors. Скопируйте его заново.
library-not-pulled = Файлов базовой модели { $name } здесь ещё нет. Выполните: merlin engine pull { $name }
library-other-source = Базовая модель { $name } взята не из того источника, который указан в config.yaml. Выполните: merlin engine pull { $name }
library-damaged = Базовая модель { $name } повреждена. Выполните: merlin engine pull { $name }

library-no-extra = Пакет { $package } не установлен. Выполните: make engine в копии репозитория, для служб sudo make install EXTRA=engine
library-gated = Чтобы скачать { $hub }, нужно принять лицензию. Примите её на странице модели на хабе, создайте там токен для чтения и задайте его в HF_TOKEN.
library-not-at-hub = { $hub } на хабе нет, или модель закрыта. Поправьте hub в engine.models или задайте в HF_TOKEN токен, которому можно её читать.
library-no-revision = У { $hub } нет версии { $revision }. Поправьте revision в engine.models.
library-hub-refuses = Хаб отказался выдать { $hub } (код { $status }). Попробуйте позже.
library-hub-unreachable = Хаб недоступен: { $reason }. Скачанное сохранено. Выполните команду ещё раз.
library-offline = Задано HF_HUB_OFFLINE, поэтому { $hub } не скачать. Снимите его или скопируйте модель сюда и укажите её path в engine.models.
library-hub-no-safetensors = У { $hub } нет .safetensors, а другие веса не загружаются: их чтение может запустить чужой код. Возьмите вариант, где они есть.
library-disk-full = Диск полон, записанная часть модели удалена. Освободите место и выполните команду ещё раз.
library-source-in-use = { $n ->
    [one] От { $name } в нынешнем виде зависит { $n } обученная модель или обучение ({ $dependents }), а загрузка заменит её веса.
    [few] От { $name } в нынешнем виде зависят { $n } обученные модели или обучения ({ $dependents } …), а загрузка заменит её веса.
   *[other] От { $name } в нынешнем виде зависит { $n } обученных моделей или обучений ({ $dependents } …), а загрузка заменит её веса.
} Дайте новой базовой модели другое имя или сначала удалите папку engine/bases/{ $name }
library-unknown = В engine.models нет базовой модели { $name }. Есть: { $known }.
library-no-bases = В engine.models ещё нет ни одной базовой модели. Как выбрать: docs/ru/bases.md.
library-pulling = { $name }: { $source }
library-pulled = Базовая модель { $name } здесь: { $folder }
library-already-pulled = Базовая модель { $name } уже была здесь: { $folder }
