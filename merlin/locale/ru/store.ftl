# База данных
store-busy = База данных занята: другой процесс слишком долго пишет в неё. Попробуйте ещё раз.
store-unavailable = Базу данных не открыть. Проверьте её сервер или диск и database в config.yaml; причина: { $reason }
store-full = Диск, на котором лежит база данных, заполнен. Освободите место: Merlin продолжит сам, ничего не потеряется.
store-encoding = У базы данных PostgreSQL кодировка { $encoding }, в ней можно сохранить не все символы. Создайте базу с UTF8, как администратор сервера: CREATE DATABASE база OWNER пользователь ENCODING 'UTF8' TEMPLATE template0; дамп восстановите в неё через pg_restore
store-denied = PostgreSQL не даёт прав этому пользователю: { $reason }. Сделайте его владельцем, как администратор сервера: ALTER DATABASE база OWNER TO пользователь; если таблицы уже есть: REASSIGN OWNED BY прежний TO пользователь
store-read-only = База данных только для чтения: записывать не дают её файл, файловая система или сервер. Когда запись снова будет возможна, Merlin продолжит сам.
store-no-room = Диск, на котором лежит { $folder }, заполнен. Освободите место: Merlin продолжит сам, ничего не потеряется.
store-damaged = База данных повреждена: { $found }. Остановите Merlin и восстановите её из резервной копии.
store-damaged-start = База данных { $path } повреждена: { $found }. Merlin на ней не запускается, чтобы не потерять больше. Остановите Merlin, уберите этот файл и файлы рядом с ним (-wal, -shm), восстановите резервную копию и запустите снова.
store-lost = В { $folder } есть сборки, а в базе данных пусто: она потеряна, или в config.yaml указана другая. Восстановите резервную копию: merlin restore АРХИВ. Если копии нет, merlin recover вернёт из git сборки, обучения и модели, а люди и платежи есть только в копии. До этого Merlin не запускается.
store-newer-schema = Базу данных сделал более новый Merlin (шаги { $steps }). Установите его или восстановите более раннюю копию.
store-older-schema = Базу данных сделала более ранняя версия Merlin. Запустите Merlin, он обновит её, или выполните: merlin upgrade
store-bad-url = database — это sqlite:///полный/путь или postgresql://…, а не { $scheme ->
        [empty] адрес без схемы
       *[other] «{ $scheme }»
    }.
store-folder = database в config.yaml должен быть файлом, а { $path } — папка. Добавьте имя файла, например { $path }/merlin.db
store-bad-key = { $where } — не ключ: нужны 32 байта в url-safe base64.
store-no-key = Текст в базе зашифрован ключом { $key_id }, а его здесь нет. Добавьте этот ключ в text.key или в MERLIN_TEXT_KEY оттуда, где храните. Посмотреть: merlin key list
store-no-text-key = Ключа текстов людей здесь нет. Верните его в text.key или в MERLIN_TEXT_KEY оттуда, где храните.
store-seal-broken = Текст в базе изменён, прочесть его нельзя. Он может быть в более ранней резервной копии.
store-no-request = Задача { $request } не найдена. Выполненные задачи через некоторое время удаляются: посмотрите сразу на результат.
store-no-job = Обучение { $job } не найдено.
    .command = Все обучения: merlin jobs list
store-no-build = Сборка { $build } не найдена.
    .command = Все сборки: merlin builds
store-no-number = Под таким большим номером ничего нет. Проверьте номер.
store-no-model = Модель { $model } не найдена.
    .command = Все модели: merlin models list

# Почему из коммита ничего не вышло
verdict-job-failed = обучение { $job } не удалось: { $error }
verdict-job-cancelled = обучение { $job } отменено
verdict-model-refused = модель { $model } не ответила при тесте ({ $note }); запустите обучение снова
verdict-model-revoked = согласие на пример, на котором училась модель { $model }, отозвано
verdict-model-gone = модели { $model } у поставщика больше нет; запустите обучение снова
