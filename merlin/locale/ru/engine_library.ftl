### Базовые модели: почему какой-то нельзя пользоваться.

library-no-folder = Папка { $folder } не найдена. Поправьте engine.models в config.yaml или скопируйте модель туда.
library-no-config = В { $folder } нет config.json, значит, это не базовая модель. Нужны config.json, веса в .safetensors и токенизатор.
library-no-template = У базовой модели в { $folder } нет шаблона чата. Возьмите её вариант instruct или положите chat_template.jinja рядом с токенизатором.
library-no-weights = В { $folder } нет весов в .safetensors. Другие не загружаются: их чтение может запустить чужой код. Возьмите вариант, где они есть.
library-not-pulled = Файлов базовой модели { $name } здесь ещё нет. Выполните: merlin engine pull { $name }

library-no-extra = Языковым моделям нужен пакет { $package }, он не установлен. Выполните: pip install 'merlin-gitops[engine]', в копии репозитория make engine, для служб sudo make install EXTRA=engine
library-gated = Чтобы скачать { $hub }, нужно принять лицензию. Примите её на странице модели на хабе, создайте там токен для чтения и задайте его в HF_TOKEN.
library-not-at-hub = { $hub } (версии { $revision }) на хабе нет, или модель закрыта. Поправьте hub и revision в engine.models или задайте в HF_TOKEN токен, которому можно её читать.
library-hub-unreachable = Хаб ничего не отдал: { $reason }. Скачанное сохранено. Выполните команду ещё раз или скопируйте модель сюда и укажите её path в engine.models.
library-unknown = В engine.models нет базовой модели { $name }. Есть: { $known }.
library-no-bases = В engine.models ещё нет ни одной базовой модели. Как выбрать: docs/ru/bases.md.
library-pulling = { $name }: { $source }
library-pulled = Базовая модель { $name } здесь: { $folder }
library-already-pulled = Базовая модель { $name } уже была здесь: { $folder }
library-advises-no-4bit = { $name } — из семейства Qwen3.5, которому 4 бита вредят больше, чем другим базовым моделям: руководство unsloth не советует их. Задайте quantised: none или возьмите модель этого семейства поменьше.
library-advises-sampling = { $name } — из семейства Qwen3.5, авторы которого предостерегают от ответов без случайного выбора (temperature 0), а её generation_config.json его не включает. Положите рядом с весами этот файл с хаба, с do_sample: true и температурой.

# `merlin engine` без конфигурации.
engine-lone-config = Эти параметры для движка без конфигурации, а { $path } — конфигурация. Уберите одно из двух или впишите модель туда в engine.models.
engine-lone-no-model = { $model } — не папка и не имя на хабе вроде Qwen/Qwen3-0.6B. Поправьте --model.
engine-lone-ready = Движок готов: { $address }
    Ключ: { $secret }
    Модели: { $models }
    Всё хранится в { $folder }. Остановить движок: Ctrl-C.
engine-lone-curl = Спросите его:
engine-lone-python = Или на Python (pip install openai):
engine-lone-question = Что ты умеешь?
