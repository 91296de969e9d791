# Backup, restore and migrate-db

col-builds = сборки
col-jobs = обучения
col-models = модели
col-pinned = закреплена
upgrade-done = Схема базы данных обновлена.
migrate-db-progress = таблицы
migrate-db-source = В config.yaml указана не SQLite, переносить нечего.
migrate-db-target = Назовите пустую базу PostgreSQL: postgresql://USER@HOST/NAME. Пароль укажите в PGPASSWORD или в ~/.pgpass.
migrate-db-not-empty = В базе PostgreSQL уже есть строки (таблица { $table }). Ничего не изменено. Назовите пустую базу.
migrate-db-value = В таблице { $table } есть значение, которое PostgreSQL не принимает: { $reason }. Ничего не сохранено. База SQLite не изменилась.
migrate-db-done = { $rows ->
    [one] Скопирована и сверена { NUMBER($rows) } строка
    [few] Скопированы и сверены { NUMBER($rows) } строки
   *[many] Скопировано и сверено { NUMBER($rows) } строк
  } в { $tables ->
    [one] { $tables } таблице
   *[many] { $tables } таблицах
  }. Теперь впишите этот адрес в `database` в config.yaml и запустите Merlin. Файл SQLite не изменился, сохраните его как резервную копию.
processes-running = Ещё работают: { $names }. Остановите их и повторите.
backup-failed = Резервная копия не получилась, { $what } сообщает: { $reason }
backup-terminal = Архив — не текст. Передайте его программе (|) или запишите в файл (>).
backup-not-read = Программа, которой передавался архив, завершилась слишком рано: записанное ею не годится. Исправьте её и сделайте копию заново.
backup-no-folder = { $path } — файл. Укажите папку: Merlin назовёт архив в ней по времени. Чтобы выбрать имя файла, направьте в него вывод `merlin backup -` (>).
backup-no-program = Программа { $program } не установлена. Она входит в пакет клиента PostgreSQL (postgresql-client).
backup-done = Сохранено: { $path }, { $mb } МБ.{ $deleted ->
    [0] { "" }
    [one] { " " }Удалена { $deleted } старая копия.
    [few] { " " }Удалены { $deleted } старые копии.
   *[many] { " " }Удалено { $deleted } старых копий.
  }
restore-cut-off = Восстановление прервано, половины данных нет, поэтому Merlin не запускается. Остановите его и повторите: merlin restore АРХИВ --replace (отметка об этом: { $path }).
restore-database-exists = База данных уже есть: { $path }. Чтобы заменить её, остановите Merlin и добавьте --replace. Старый файл останется рядом.
restore-broken = Резервная копия неполная: { $why }. Ничего не изменено.
restore-no-archive = Это не полная резервная копия: архив обрезан или изменён, или это другой файл. Ничего не изменено.
restore-unreadable = { $path }: { $reason }. Ничего не изменено.
restore-former = Прежние базы данных сохранены. В них тексты людей, в том числе удалённые с тех пор. Когда они станут не нужны: rm { $paths }
restore-lacks-text-key = Тексты людей зашифрованы ключом { $keys }, а его здесь нет. До запуска верните свою копию в text.key или в MERLIN_TEXT_KEY.
restore-newer = Копия сделана более новым Merlin ({ $version }). Сначала установите эту версию. Ничего не изменено.
restore-other-database = Копия базы { $backup }, а в config.yaml указана { $configured }. Укажите в `database` в config.yaml базу { $backup }. Ничего не изменено.
restore-not-empty = База PostgreSQL не пуста. Создайте новую и назовите её в config.yaml. Ничего не изменено.
restore-verified = Копия полная: { $at }, сделана Merlin { $merlin }, { $mb } МБ, { $files ->
    [one] { $files } файл проверен
    [few] { $files } файла проверено
   *[many] { $files } файлов проверено
  }. Ничего не изменено.
restore-done = Восстановлена копия от { $at }: { $files ->
    [one] { $files } файл проверен
    [few] { $files } файла проверено
   *[many] { $files } файлов проверено
  }. Запустите Merlin, репозиторий он получит сам.
