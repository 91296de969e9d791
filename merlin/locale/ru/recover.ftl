# merlin recover

recover-progress = коммиты
recover-not-empty = В этой базе данных уже есть обучения. Команда наполняет пустую базу данных: остановите Merlin, уберите базу данных в другое место (в ней разговоры и платежи) и повторите.
recover-later = Эта база данных следит за веткой с более позднего места, чем заметки. Остановите Merlin, уберите базу данных в другое место и повторите.
recover-no-provider = Поставщик «{ $provider }» не ответил об обучениях, и модели ещё не восстановлены. Проверьте его (merlin doctor) и повторите merlin recover; если этого поставщика больше нет, уберите его из providers в config.yaml. Причина: { $reason }
recover-nothing = Заметок о сборках нет, восстанавливать нечего. В репозиторий заметки попадают при repository.push.
recover-done = Восстановлено. Запустите Merlin: он продолжит начатое. Люди, разговоры, согласия и платежи вернутся только из резервной копии.
recover-differing = { $count ->
    [one] { $count } сборка получилась с другими байтами: эта версия Merlin собирает иначе. Не восстановлена: { $names }
    [few] { $count } сборки получились с другими байтами: эта версия Merlin собирает иначе. Не восстановлены: { $names }
   *[many] { $count } сборок получились с другими байтами: эта версия Merlin собирает иначе. Не восстановлены: { $names }
  }
recover-lost = { $count ->
    [one] { $count } обучения у поставщика больше нет или поставщика нет в config.yaml; не восстановлено с моделью: { $names }
   *[many] { $count } обучений у поставщика больше нет или поставщика нет в config.yaml; не восстановлены с моделями: { $names }
  }
col-builds = сборки
col-jobs = обучения
col-models = модели
col-pinned = закреплена
upgrade-done = Схема базы данных обновлена.
migrate-db-progress = таблицы
migrate-db-source = В настройках не SQLite, переносить нечего.
migrate-db-target = Назовите пустую базу PostgreSQL: postgresql://USER@HOST/NAME. Пароль укажите в PGPASSWORD или в ~/.pgpass.
migrate-db-not-empty = В базе PostgreSQL уже есть строки (таблица { $table }). Ничего не изменено. Назовите пустую базу.
migrate-db-differs = Таблица { $table } скопирована с отличиями, поэтому ничего не сохранено. База SQLite не изменилась. Сообщите об этой ошибке разработчикам.
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
backup-failed = Резервная копия не получилась, { $what } сообщает: { $why }
backup-terminal = Архив — не текст. Передайте его программе (|) или запишите в файл (>).
backup-too-large = Архив получился бы больше 64 ГиБ, а целиком зашифровать можно не больше. Удалите ненужные сборки (merlin prune) или уберите MERLIN_BACKUP_KEY и храните архив на зашифрованном диске.
backup-no-program = Программа { $program } не установлена. Она входит в пакет клиента PostgreSQL (postgresql-client).
backup-done = Сохранено: { $path }, { $mb } МБ.{ $deleted ->
    [0] { "" }
    [one] { " " }Удалена { $deleted } старая копия.
    [few] { " " }Удалены { $deleted } старые копии.
   *[many] { " " }Удалено { $deleted } старых копий.
  }
restore-cut-off = Восстановление прервали, а на половине состояния ничего не запускается. Остановите Merlin и повторите: merlin restore АРХИВ --replace (отметка об этом: { $path }).
restore-no-key = Копия зашифрована ключом { $id }. Укажите его в MERLIN_BACKUP_KEY. Ничего не изменено.
restore-wrong-key = Копия зашифрована другим ключом: { $id }. Допишите его в MERLIN_BACKUP_KEY через запятую. Ничего не изменено.
restore-database-exists = База данных уже есть: { $path }. Чтобы заменить её, остановите Merlin и добавьте --replace; старый файл останется рядом.
restore-broken = Это не целая резервная копия: { $why }. Ничего не изменено.
restore-no-archive = Это не целая резервная копия: архив обрезан, изменён, или это другой файл. Ничего не изменено.
restore-unreadable = { $path }: { $reason }. Ничего не изменено.
restore-lacks-text-key = Тексты людей зашифрованы ключом { $keys }, а его здесь нет. До запуска верните его в text.key или в MERLIN_TEXT_KEY оттуда, где храните.
restore-newer = Копия сделана более новым Merlin ({ $version }). Сначала установите эту версию. Ничего не изменено.
restore-other-database = Копия из { $backup }, а в настройках { $configured }. Укажите в `database` в config.yaml базу { $backup }. Ничего не изменено.
restore-not-empty = База PostgreSQL не пуста. Создайте новую и назовите её в config.yaml. Ничего не изменено.
restore-verified = Копия цела: { $at }, сделана Merlin { $merlin }, { $mb } МБ, { $files ->
    [one] { $files } файл проверен
    [few] { $files } файла проверено
   *[many] { $files } файлов проверено
  }. Ничего не изменено.
restore-done = Восстановлена копия от { $at }: { $files ->
    [one] { $files } файл проверен
    [few] { $files } файла проверено
   *[many] { $files } файлов проверено
  }. Запустите Merlin, репозиторий он получит сам.
