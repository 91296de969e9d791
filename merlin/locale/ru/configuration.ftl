# Что не так с config.yaml
config-faults = { $faults }
config-fault =
    { $name ->
        [none] { $place }: { $what }
       *[other] { $place }: { $name }: { $what }
    }
config-proxy = Прокси из окружения (HTTPS_PROXY, HTTP_PROXY или ALL_PROXY) использовать нельзя: { $reason }. Задайте адрес HTTP-прокси или уберите переменную
config-no-utf8 = не текст в UTF-8
config-unknown-key = { $near ->
    [none] такого ключа нет. Все ключи: merlin schema config
   *[other] такого ключа нет; может быть, { $near }?
}
config-missing-key = не хватает ключа { $name }
config-wrong-form = { $found } не подходит; например: { $example }
config-no-zone = неизвестный часовой пояс { $zone }; например: Europe/Moscow
config-encoder-needs = не установлено: { $packages }; выполните .venv/bin/pip install { $packages }
config-no-provider = { $provider } нет среди providers
config-no-plan = { $plan } нет среди plans
config-provider-twice = { $provider } указан дважды; дайте каждому своё имя
config-not-https = { $url } — не https и не эта машина; внутри своей сети задайте allow_plain_http: true
config-open-database = сервер не на этой машине, поэтому добавьте sslmode=verify-full
config-database-url = не адрес PostgreSQL ({ $reason }); например: postgresql://merlin@db.example.com/merlin?sslmode=verify-full
config-base-own = это имя собственной базовой модели Merlin; выберите другое
config-base-place = задайте что-то одно: path (папка) или hub (владелец/имя)
config-no-forge = задайте url и project: по пути репозитория на этой машине их не узнать
config-no-network = { $found } — не адрес и не сеть
config-no-kopecks = { $found } — не целое число копеек
config-no-public-url = нужен api.public_url: туда люди возвращаются после оплаты
config-first-plan = первый тариф есть у всех, поэтому у него нет цены и пакета
config-no-shop = нужно payments.yookassa: через ЮKassa платят рублями
config-no-stars = нужна цена в звёздах: по условиям Telegram цифровой товар продают и за звёзды (или укажите тариф в payments.not_digital)
config-no-days = нужен срок, на который тариф покупают (days), или состав пакета (pack)
config-no-price = у пакета должна быть цена
config-renews-pack = пакет не продлевается: его расходуют, срока у него нет
config-renews-no-stars = продлеваются только звёзды: укажите price.stars
config-renews-stars = за то, что продлевается, Telegram берёт не больше { $limit } звёзд
config-renews-days = должно быть 30: Telegram продлевает раз в 30 дней и никак иначе
config-pack-limits = у пакета не бывает лимитов на день
config-login-in-url = { $name ->
    [none] укажите адрес без имени и пароля
    [PGPASSWORD] укажите адрес без пароля, а пароль запишите в секрет PGPASSWORD
   *[other] здесь указывают только адрес. Запишите user:password в секрет { $name }
}
config-no-port = порт — число от 1 до 65535, а не { $found }
config-no-variable = здесь указывают имя переменной окружения, например OPENAI_API_KEY. Самому ключу в этом файле не место
config-empty-group = нужен хотя бы один из ключей: { $keys }
config-own-anchor = якорь «{ $name }» содержит сам себя (*{ $name }). Напишите значение целиком
config-same-port = { $found } — адрес и api, и движка; дайте одному из них другой порт
config-no-file = нет файла { $path }
config-no-home = в { $path } нельзя создать папку: укажите другую
config-no-card = на этой машине нет { $device }; `cpu` работает везде
config-number-as-text = YAML читает { $found } как текст; запишите { $written }
config-no-folder = нет папки { $path }
