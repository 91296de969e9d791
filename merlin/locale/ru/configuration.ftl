# Что не так с config.yaml
config-faults = { $faults }
config-fault =
    { $name ->
        [none] { $place }: { $what }
       *[other] { $place }: { $name }: { $what }
    }
config-proxy = Прокси из окружения (HTTPS_PROXY, HTTP_PROXY или ALL_PROXY) использовать нельзя: { $reason }. Задайте адрес HTTP-прокси или уберите переменную
config-no-value = такой даты или числа не бывает: { $value }
config-no-utf8 = это не текст в UTF-8
config-unknown-key =
    { $near ->
        [none] такого ключа нет
       *[other] такого ключа нет; может быть, { $near }?
    }
# Ключи того, чего больше нет: что делать вместо этого
config-removed-constant = теперь это значение постоянно; уберите ключ
config-removed-credential = у секрета теперь одно имя, его называет страница «Настройка»; уберите ключ
config-removed-hooks = у хука git есть секрет, если задан MERLIN_GIT_HOOK_SECRET; уберите ключ
config-removed-licence = лицензия нигде не показывается; уберите ключ
config-removed-own-price = цена и дата отключения указываются в models; уберите ключ
config-removed-presets = пресетов три: переводчик, пересказ, голос; иные указания люди пишут командой /system; уберите ключ
config-removed-connections = Merlin больше не считает соединения по адресам: поставьте перед ним Caddy или другой прокси и удалите этот ключ
config-removed-limits = размеры файлов теперь постоянны: 20 МБ для документов и голосовых, 10 МБ для фотографий; секунды голосового задаёт chat.voice_s
config-removed-hearing = движок больше не распознаёт речь: добавьте в providers сервер с /v1/audio/transcriptions, укажите его в chat.transcription и удалите этот ключ
config-removed-invitation = награды за приглашённых удалены; удалите этот ключ
config-removed-renewal = автопродление удалено: бот напоминает за три дня до конца плана; удалите этот ключ
config-removed-openid = вход через OpenID Connect удалён: входят через бота, внутри Telegram или по паролю; удалите этот ключ
config-removed-form = формы Mistral и Yandex Cloud удалены: возьмите поставщика с протоколом OpenAI и удалите этот ключ
config-removed-person-cap = стоимость ответов ограничивается для всех вместе (per_day); одному человеку задайте число вопросов в плане и удалите этот ключ
config-removed-plan-room = планы ограничивают вопросы, а не разговоры; их длину ограничивает models.*.context, срок хранения — retention.turns_days
config-removed-trial = пробные периоды удалены: дайте план командой merlin users plan и удалите этот ключ
config-removed-security = подтверждение действий вторым администратором удалено: достаточно одного, и журнал действий называет, кто это был; удалите этот ключ
config-removed-at-once = движок отвечает на вопросы по одному: уберите этот ключ; для многих людей он запускает vLLM
config-removed-backend = движок сам запускает vLLM, одной настройкой для всех моделей: уберите этот ключ
config-removed-cluster = обучение идёт на одной машине: уберите этот ключ, а несколько её видеокарт перечислите в engine.training.devices
config-removed-quota = движок хранит три контрольные точки обучения; уберите этот ключ, а модели удаляет retention.models_days
config-removed-webhooks = движок больше не отправляет вебхуки; уберите этот ключ: демон сам опрашивает обучения
config-removed-embeddings = движок больше не даёт эмбеддингов и не обучает на другом энкодере: возьмите recall, его энкодер встроен, и удалите этот ключ
config-removed-tracing = трассировки удалены: смотрите метрики и журнал; удалите этот ключ
config-removed-gguf = движок больше не читает файлы .gguf: задайте папку с .safetensors или имя модели на хабе (hub)
config-missing-key = не хватает ключа { $name }
config-wrong-type = ожидается { $expected }, а указано: { $found }
config-kind-string = текст
config-kind-integer = целое число
config-kind-number = число
config-kind-boolean = true или false
config-kind-array = список, например [a, b]
config-kind-object = группа ключей
config-kind-either = { $first } или { $second }
config-not-one-of = { $found } не подходит, можно: { $allowed }
config-too-little = { $found } слишком мало: нужно не меньше { $limit }
config-not-more = { $found } слишком мало: нужно больше { $limit }
config-too-much = { $found } слишком много: можно не больше { $limit }
config-too-short = слишком коротко: знаков нужно не меньше { $limit }
config-too-long = слишком длинно: знаков можно не больше { $limit }
config-too-few = слишком мало: записей нужно не меньше { $limit }
config-wrong-form = { $found } не подходит, образец: { $example }
config-no-zone = неизвестный часовой пояс { $zone }; например: Europe/Moscow
config-no-provider = { $provider } нет среди providers
config-provider-twice = { $provider } указан дважды; дайте каждому своё имя
config-not-https = { $url } — не https и не эта машина; внутри своей сети задайте allow_plain_http: true
config-open-repository = { $url } — не https, не ssh и не путь на этой машине
config-open-database = сервер не на этой машине, поэтому добавьте sslmode=verify-full
config-database-url = это не адрес PostgreSQL ({ $reason }); образец: postgresql://merlin@db.example.com/merlin?sslmode=verify-full
config-base-own = это имя собственной базовой модели Merlin; выберите другое
config-base-place = задайте что-то одно: path (папка) или hub (владелец/имя)
config-no-forge = не хватает url и project: репозиторий на этой машине их не называет
config-no-network = { $found } — не адрес и не сеть
config-no-kopecks = { $found } — не целое число копеек
config-no-public-url = нужен api.public_url: туда люди возвращаются
config-first-plan = первый план есть у всех, поэтому у него нет цены, пакета и курсов
config-no-shop = не хватает payments.yookassa: через неё платят рублями
config-no-stars = не хватает цены в звёздах: по условиям Telegram цифровой товар, который продаётся где-то ещё, продаётся и за звёзды (или укажите план в payments.not_digital)
config-no-days = не хватает срока, на который план покупают, или состава пакета (pack)
config-no-price = не хватает цены: пакет покупают
config-pack-limits = у пакета нет вопросов на день и своих курсов
config-engine-open = без ключа движок слушает только 127.0.0.1, а не { $host }; задайте MERLIN_ENGINE_KEY
