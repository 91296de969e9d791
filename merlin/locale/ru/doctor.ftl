# merlin health, merlin doctor: что найдено и что с этим делать
ill-silent = { $url } не отвечает: { $reason }. Запущен ли он? (merlin run)
ill-never = ещё ни разу не запускался (merlin run)
ill-failing = шаг «{ $step }» раз за разом не выполняется из-за ошибки в Merlin: { $reason }. Остальное работает; передайте журнал тому, кто отвечает за Merlin
ill-still = нет сигнала с { $at } (merlin run)
doctor-well = работает
doctor-idle = ещё не запускалось
doctor-start = Всё на месте. Запустите Merlin: merlin run
doctor-folder = { $folder }, свободно { $free } ГиБ
doctor-folder-closed = в { $folder } нельзя писать: отдайте папку пользователю, от имени которого работает Merlin, или задайте другую в state_dir
doctor-folder-full = { $folder }: свободно только { $free } МиБ, а нужно 1024; освободите место
doctor-database = { $dialect }, повреждений нет
doctor-database-new = её ещё нет: создаст первый запущенный процесс
doctor-git = { $path }
doctor-repository = { $url }, { $branch } на коммите { $commit }
doctor-forge = токен читает проект { $project }
doctor-no-branch = в { $url } нет ветки { $branch }: сделайте туда коммит или задайте другую в repository.branch
doctor-default = { $dataset }
doctor-no-default = набора { $dataset } в репозитории нет, есть: { $known }. Укажите один из них в datasets.default
doctor-walls = чтение документов не имеет доступа к файлам и сети (фильтр ядра)
doctor-no-walls = у этого ядра нет фильтра системных вызовов (seccomp на x86-64 или ARM64): чтение документов отделяет от файлов и сети только сам Python, и уязвимость разбора может их открыть. Запустите бота на другой системе
doctor-telegram = токен принадлежит @{ $bot }
doctor-telegram-away = { $url } недоступен: { $reason }
doctor-provider =
    { $count ->
        [one] отвечает, предлагает { $count } модель
        [few] отвечает, предлагает { $count } модели
       *[other] отвечает, предлагает { $count } моделей
    }
