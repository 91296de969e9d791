# merlin health, merlin doctor: что найдено и что с этим делать
health-good = { $process }: работает
health-bad = { $process }: не работает: { $reason }
unhealthy-not-running = не запущен (merlin run, а если это службы: systemctl start merlin.target)
unhealthy-silent-for = нет сигнала уже { $seconds } с: процесс убит, завис или не получает процессорного времени. Подробности в его журнале
unhealthy-sign-ahead = его последний сигнал опережает часы на { $seconds } с: часы перевели назад, и с тех пор он молчит. Подробности в его журнале
unhealthy-silent = { $url } не отвечает: { $reason }. Запущен ли он? (merlin run, а если это службы: systemctl start merlin.target)
unhealthy-other-installation = по адресу { $url } отвечает другая установка Merlin, с другой папкой состояния. Остановите её или задайте здесь другой { $setting }
unhealthy-never-started = ещё ни разу не запускался (merlin run, а если это службы: systemctl start merlin.target)
unhealthy-failing = шаг «{ $step }» раз за разом не выполняется из-за ошибки в Merlin: { $reason }. Остальное работает; передайте журнал тому, кто отвечает за Merlin
unhealthy-database = база данных не отвечает ему или ничего от него не принимает
unhealthy-no-signal = нет сигнала с { $at } (merlin run, а если это службы: systemctl start merlin.target)
doctor-row-file-system = файловая система
doctor-row-document-reader = чтение документов
doctor-row-credentials = секреты
doctor-row-secrets = файлы секретов
doctor-row-not-known = неизвестно
doctor-row-database = база данных
doctor-row-provider = провайдер
doctor-pooler = Перед PostgreSQL стоит пулер в режиме transaction или statement: блокировки и уведомления в нём теряются, и ведущими могут стать два демона. Задайте в нём pool_mode = session и default_pool_size не меньше числа соединений Merlin или укажите в database сам сервер
doctor-connections = соединений занято: { $used } из { $limit }
doctor-few-connections = соединений занято: { $used } из { $limit }. Увеличьте max_connections в postgresql.conf
doctor-healthy = работает
doctor-progress = проверки
doctor-idle = ещё не запускалось
doctor-start = Всё на месте. Запустите Merlin: merlin run, а если это службы: systemctl enable --now merlin.target
doctor-folder = { $folder }, свободно { $free } ГиБ
doctor-folder-closed = в { $folder } нельзя писать: отдайте папку пользователю, от имени которого работает Merlin, или задайте другую в state_dir
doctor-folder-full = { $folder }: свободно только { $free } МиБ, а нужно 1024; освободите место
doctor-database = { $dialect }, повреждений нет
doctor-database-new = её ещё нет: создаст первый запущенный процесс
doctor-repository = { $url }, { $branch } на коммите { $commit }
doctor-forge = токен читает проект { $project }
doctor-no-branch = в { $url } нет ветки { $branch }: сделайте туда коммит или задайте другую в repository.branch
doctor-not-read = { $url }, { $branch }: { $reason }
doctor-telegram = токен принадлежит @{ $bot }
doctor-telegram-blocked = { $url } недоступен ({ $reason }), а { $other } доступен: в этой сети Telegram заблокирован. Задайте telegram.proxy. Чат на сайте тем временем работает, сообщения ждут
doctor-telegram-unreachable = { $url } недоступен: { $reason }. Если другие сайты с этой машины открываются, Telegram заблокирован: задайте telegram.proxy. Если нет, проверьте сеть
doctor-telegram-busy = { $url } отвечает слишком медленно, но эта машина перегружена, и дело может быть в ней. Повторите, когда она освободится. Если будет так же, в этой сети Telegram замедляют: задайте telegram.proxy
doctor-telegram-slow = { $url } отвечает слишком медленно: в этой сети Telegram замедляют. Задайте telegram.proxy или укажите в нём прокси побыстрее
doctor-telegram-fails = { $url } отвечает не так, как Bot API: { $reason }. Проверьте telegram.base_url. Если соединения обрываются, задайте telegram.proxy
doctor-proxy-down = прокси { $proxy } недоступен: { $reason }. Запустите его или укажите в telegram.proxy другой
doctor-proxy-login = прокси { $proxy } не принимает логин и пароль. Проверьте секрет { $name }: в нём user:password
doctor-proxy-blocked = прокси { $proxy } работает, но не достаёт до { $url }: { $reason }. Разрешите ему этот адрес или укажите в telegram.proxy другой прокси
doctor-provider =
    { $count ->
        [one] отвечает, предлагает { $count } модель
        [few] отвечает, предлагает { $count } модели
       *[other] отвечает, предлагает { $count } моделей
    }
doctor-remote-disk = { $folder } находится на сетевом диске ({ $kind }), там ломаются SQLite и блокировки. Задайте в state_dir папку на местном диске
doctor-local-disk = на диске этой машины
doctor-reader-confined = чтение документов изолировано: остальное ядро запрещает
doctor-reader-limited = без фильтра системных вызовов: документ, захвативший его, мог бы удалить файлы Merlin и прочитать его память. Установите libseccomp2 (Alpine: libseccomp) или разрешите seccomp в контейнере
doctor-port-used = там слушает сам { $name }
listen-failed = адрес { $place } не занять: { $reason }. Остановите программу, которая его занимает, или задайте другой { $setting }
doctor-port = { $place } свободен
doctor-tls = действует до { $at }
doctor-tls-ended = срок сертификата { $path } закончился { $at }. Обновите его и запустите сервер снова
doctor-bases = можно использовать: { $names }
doctor-no-vllm = нет программы { $command }. Установите vLLM в отдельное окружение: python3 -m venv vllm, затем vllm/bin/pip install vllm. Укажите vllm/bin/vllm в engine.answering.vllm_command
doctor-vllm = { $command }
doctor-mirror-none = ещё не загружена: это делает демон
doctor-mirror = читается, { $count ->
        [one] { $count } набор
        [few] { $count } набора
       *[many] { $count } наборов
    }
doctor-config = ошибок нет
doctor-secrets = другим они не видны
doctor-open-secrets = секреты может прочитать любой на этой машине: chmod o= { $paths }
doctor-not-known = { $names }: это знает только база данных, см. выше
doctor-credentials = все нужные секреты заданы
doctor-no-text-key = тексты зашифрованы ключом, которого здесь нет: { $keys }. Верните его в text.key или в MERLIN_TEXT_KEY оттуда, где храните
doctor-text-key = { $keys }; храните его копию отдельно от резервных копий
doctor-text-key-new = его ещё нет: создаст первый процесс, которому он понадобится
doctor-other-webhook = Telegram шлёт сообщения на { $url }, а не на { $wanted }. Перезапустите бота: адрес задаёт он
doctor-webhook-set = Telegram шлёт сообщения на { $url }, и этому боту они не приходят. Если там в режиме webhook работал этот бот, запустите его: свой вебхук он удаляет сам. Если там другая программа, остановите её и вызовите deleteWebhook или задайте этому боту другой токен
doctor-webhook-fails = Telegram не может доставить сообщения на { $url }: { $reason }; ждут: { $waiting }. Проверьте адрес, сертификат и прокси
doctor-webhook = сообщения приходят на { $url }
doctor-polling = бот забирает сообщения сам
doctor-no-admins = уведомления никто не получает. Впишите свой ID в Telegram в telegram.admins
doctor-admins =
    { $count ->
        [one] уведомления получает { $count } администратор
        [few] уведомления получают { $count } администратора
       *[many] уведомления получают { $count } администраторов
    }
doctor-no-model = у провайдера { $provider } нет модели { $model }. Укажите другую в config.yaml
doctor-model = { $model } от { $provider }
doctor-shop-unreachable = ЮKassa не отвечает по адресу { $url }. Проверьте сеть и прокси и повторите
doctor-shop-fails = { $url } отвечает, но не как ЮKassa ({ $code }). Проверьте payments.yookassa.base_url и прокси; если они верны, повторите позже
doctor-no-shop = ЮKassa не принимает данные для входа: { $reason }. Проверьте YOOKASSA_SHOP_ID и YOOKASSA_SECRET_KEY
doctor-shop = отвечает
