# merlin health, merlin doctor: что найдено и что с этим делать
health-good = { $process }: работает
health-bad = { $process }: не работает: { $reason }
unhealthy-not-running = не запущен (merlin run, а если это службы: systemctl start merlin.target)
unhealthy-silent-for = нет сигнала уже { $seconds } с: процесс убит, завис или не получает процессорного времени. Подробности в его журнале
unhealthy-silent = { $url } не отвечает: { $reason }. Запущен ли он? (merlin run, а если это службы: systemctl start merlin.target)
unhealthy-other-installation = по адресу { $url } отвечает другая установка Merlin, с другой папкой состояния. Остановите её или задайте здесь другой api.listen
unhealthy-never-started = ещё ни разу не запускался (merlin run, а если это службы: systemctl start merlin.target)
unhealthy-failing = шаг «{ $step }» раз за разом не выполняется из-за ошибки в Merlin: { $reason }. Остальное работает; передайте журнал тому, кто отвечает за Merlin
unhealthy-database = база данных не отвечает ему или ничего от него не принимает
unhealthy-no-signal = нет сигнала с { $at } (merlin run, а если это службы: systemctl start merlin.target)
doctor-row-file-system = файловая система
doctor-row-permissions = права на файлы
doctor-row-memory = память
doctor-row-timezone = часовые пояса
doctor-row-clock = часы
doctor-row-credentials = секреты
doctor-row-database = база данных
doctor-row-documents = документы
doctor-row-provider = поставщик
doctor-row-backup = резервная копия
doctor-row-live-models = текущие модели
doctor-row-sunset = отключения
doctor-row-queues = очереди
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
doctor-repository-as-root = { $url }, { $branch } на коммите { $commit }, прочитано с правами root. Прочтут ли репозиторий службы Merlin, покажет merlin doctor от имени пользователя { $user }
doctor-repository = { $url }, { $branch } на коммите { $commit }
doctor-forge = токен читает проект { $project }
doctor-other-branches = в { $url } нет ветки { $branch }, есть { $branches }. Задайте одну из них в repository.branch или отправьте туда { $branch }
doctor-no-branch = в { $url } нет ветки { $branch }: сделайте туда коммит или задайте другую в repository.branch
doctor-default = { $dataset }
doctor-not-read = { $url }, { $branch }: { $reason }
doctor-no-default = набора { $dataset } в репозитории нет, есть: { $known }. Укажите один из них в datasets.default
doctor-sandbox = чтение документов не имеет доступа к файлам и сети (фильтр ядра)
doctor-no-sandbox = у этого ядра нет фильтра системных вызовов (seccomp на x86-64 или ARM64): чтение документов отделяет от файлов и сети только сам Python, и уязвимость разбора может их открыть. Запустите бота на другой системе
document-reader-fails = документы не прочитать: { $path } не запускает их чтение ({ $reason }). Разрешите пользователю, от имени которого работает Merlin, запускать этот файл и читать пакеты Python рядом с ним
doctor-telegram = токен принадлежит @{ $bot }
doctor-not-bot-api = так Bot API не отвечает. Проверьте telegram.base_url
doctor-telegram-unreachable = { $url } недоступен: { $reason }
doctor-provider =
    { $count ->
        [one] отвечает, предлагает { $count } модель
        [few] отвечает, предлагает { $count } модели
       *[other] отвечает, предлагает { $count } моделей
    }
doctor-program = { $path }
doctor-no-inodes = { $folder }: на диске осталось свободных inode: { $free }, а нужно 10000; удалите мелкие файлы или перенесите папку на другой диск (df -i)
doctor-remote-disk = { $folder } находится на сетевом диске ({ $kind }), там ломаются SQLite и блокировки. Задайте в state_dir папку на местном диске
doctor-local-disk = на диске этой машины
doctor-open-folder = { $folder } могут читать другие пользователи. Закройте её: chmod go= { $folder }
doctor-root-file = { $path } принадлежит root, и Merlin, возможно, не сможет его записать. Верните: chown -R --reference={ $folder } { $folder }
doctor-closed-folder = другие пользователи не читают ни состояние, ни секреты
doctor-no-memory = свободно только { $free } МиБ памяти. Остановите другие программы, добавьте памяти или поднимите предел контейнера или службы, иначе система завершит процессы сама
doctor-memory = памяти хватает
doctor-no-zones = машина не знает часовых поясов. Установите пакет tzdata
doctor-zones = часовые пояса известны
doctor-clock-off = часы ошибаются на { $seconds } с. Настройте их: timedatectl set-ntp true
doctor-clock-not-compared = сравнить не с чем: сервер не отвечает
doctor-clock = идут верно, с точностью до полуминуты
doctor-port-used = там слушает сам { $name }
listen-failed = адрес { $place } не занять: { $reason }. Остановите программу, которая его занимает, или задайте другой { $setting }
doctor-port = { $place } свободен
doctor-certificate-ends = сертификат { $path } действует до { $date }. Обновите его и перезапустите процесс
doctor-certificate = { $path }, действует до { $date }
doctor-no-backup = копий ещё не было. Сейчас: merlin backup; каждую ночь: systemctl enable --now merlin-backup.timer. Если копии делает другая программа: backups: elsewhere в config.yaml
doctor-old-backup = последняя копия сделана { $date }. Сейчас: merlin backup; почему не вышла ночная: journalctl -u merlin-backup
doctor-backup-elsewhere = копии делает другая программа: так сказано в config.yaml. Когда была последняя, проверьте там
doctor-backup = последняя сделана { $date }
doctor-failed-units = systemd больше не запускает { $names }. Почему: journalctl -u ИМЯ; затем systemctl reset-failed ИМЯ и systemctl start ИМЯ
doctor-masked-units = systemd запрещено запускать { $names } (masked). Разрешите: systemctl unmask { $names }, затем systemctl start { $names }
doctor-disabled-units = не запускается вместе с машиной: { $names }. Включите: systemctl enable { $names }. Если такого юнита systemd не знает, установите Merlin ещё раз
doctor-units = сбоев нет, Merlin запускается вместе с машиной
doctor-needs-credential = не проверено: секрет { $name } не задан, смотрите выше «секреты»
doctor-needs-folder = не проверено: папкой состояния нельзя пользоваться, смотрите state_dir выше
doctor-needs-database = не проверено: базу данных не открыть, смотрите выше «база данных»
doctor-credentials = все нужные секреты заданы
doctor-no-text-key = тексты зашифрованы ключом, которого здесь нет: { $keys }. Верните его в text.key или в MERLIN_TEXT_KEY оттуда, где храните
doctor-text-key = { $keys }; храните его копию отдельно от резервных копий
doctor-text-key-new = его ещё нет: создаст первый процесс, которому он понадобится
doctor-no-base = базовой модели { $name } нет в { $path }. Положите её туда или исправьте engine.models.{ $name }.path
doctor-bases = все базовые модели на месте
doctor-push = репозиторий принимает изменения
doctor-other-webhook = Telegram шлёт сообщения на { $url }, а не на { $wanted }. Перезапустите бота: адрес задаёт он
doctor-webhook-set = Telegram шлёт сообщения на { $url }, и этому боту они не приходят. Если там в режиме webhook работал этот бот, запустите его: свой вебхук он удаляет сам. Если там другая программа, остановите её и вызовите deleteWebhook или задайте этому боту другой токен
doctor-webhook-fails = Telegram не может доставить сообщения на { $url }: { $reason }; ждут: { $waiting }. Проверьте адрес, сертификат и прокси
doctor-webhook = сообщения приходят на { $url }
doctor-polling = бот забирает сообщения сам
doctor-no-admins = уведомления никто не получает. Впишите свой ID в Telegram в telegram.admins
doctor-silent-admins = этим администраторам бот написать не может: { $ids }. Пусть отправят ему /start
doctor-admins =
    { $count ->
        [one] уведомления получает { $count } администратор
        [few] уведомления получают { $count } администратора
       *[many] уведомления получают { $count } администраторов
    }
doctor-no-model = у поставщика { $provider } нет модели { $model }. Укажите другую в config.yaml
doctor-model = { $model } от { $provider }
doctor-shop-unreachable = ЮKassa не отвечает по адресу { $url }. Проверьте сеть и прокси и повторите
doctor-shop-fails = { $url } отвечает, но не как ЮKassa ({ $code }). Проверьте payments.yookassa.base_url и прокси; если они верны, повторите позже
doctor-no-shop = ЮKassa не принимает данные для входа: { $reason }. Проверьте YOOKASSA_SHOP_ID и YOOKASSA_SECRET_KEY
doctor-shop = отвечает
doctor-not-public = { $url } отсюда недоступен: { $reason }. Проверьте DNS, прокси и его сертификат
doctor-proxy-silent = { $url } показывает /metrics всем: прокси не сообщает адреса тех, кто обращается, поэтому и вебхуки без секрета принимают кого угодно. Включите в прокси X-Forwarded-For
doctor-public = { $url } отвечает
doctor-model-not-found = у поставщика больше нет текущей модели набора { $dataset }: merlin models rollback { $dataset } или обучите заново: merlin jobs launch { $dataset }
doctor-live-models =
    { $count ->
        [0] текущих моделей пока нет
        [one] { $count } текущая модель, у поставщика она есть
        [few] { $count } текущие модели, у поставщиков они есть
       *[many] { $count } текущих моделей, у поставщиков они есть
    }
doctor-sunset = { $model } ({ $name }) отключат { $date }. Укажите вовремя другую базовую модель в dataset.yaml или другую модель в config.yaml
doctor-no-sunset = в ближайший месяц ничего из нужного не отключат
doctor-budget-spent = месячный бюджет обучения у { $provider } почти потрачен. Новые обучения будут ждать; увеличьте budget.per_month
doctor-budget = в пределах месячного лимита
doctor-queue-waits = { $queue ->
    [requests] Задачи демона
    [notices] Уведомления
    [updates] Вопросы из Telegram
   *[letters] Сообщения в Telegram
  } ждут дольше 10 минут: { $count }. Проверьте, работают ли бот и демон: merlin status
doctor-queues = ничто не ждёт подолгу
