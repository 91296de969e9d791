# База данных
store-busy = База данных занята: другой процесс слишком долго пишет в неё. Попробуйте ещё раз.
store-away = Базу данных не открыть: { $reason }
store-damaged = База данных повреждена: { $found }. Остановите Merlin и положите на её место вашу копию.
store-damaged-start = База данных { $path } повреждена: { $found }. На ней ничего не запускается, чтобы не потерять больше. Остановите Merlin, уберите этот файл и файлы рядом с ним (-wal, -shm), положите на их место вашу копию и запустите снова.
store-newer-schema = Базу данных сделал более новый Merlin (шаги { $steps }). Установите его или восстановите более раннюю копию.
store-bad-url = database — это sqlite:///полный/путь или postgresql://…, а не { $scheme ->
        [empty] адрес без схемы
       *[other] «{ $scheme }»
    }.
store-bad-key = { $where } — не ключ: нужны 32 байта в url-safe base64.
store-no-key = Текст в базе зашифрован ключом { $key_id }, а его здесь нет.
store-seal-broken = Текст в базе изменён, прочесть его нельзя.
store-no-request = Запроса { $request } нет.
store-no-job = Работы { $job } нет.
store-no-build = Сборки { $build } нет.
store-no-model = Модели { $model } нет.

# Почему из коммита ничего не вышло
verdict-job-failed = работа { $job } не удалась: { $error }
verdict-job-cancelled = работа { $job } отменена
verdict-model-refused = модель { $model } не ответила: { $note }
verdict-model-revoked = согласие на пример, на котором училась модель { $model }, отозвано
verdict-model-gone = модели { $model } у поставщика больше нет
