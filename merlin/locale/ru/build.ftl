# Сборки
build-no-spec = Набор { $dataset } не собран: файл dataset.yaml отсутствует или с ошибкой.
build-too-few = Набор { $dataset } не собран: годных примеров { $good }, нужно не меньше { $fewest }.
build-strict = Набор { $dataset } не собран: в нём { $rejected ->
        [one] { $rejected } негодный пример
        [few] { $rejected } негодных примера
       *[many] { $rejected } негодных примеров
    }, а он строгий (strict: true).
build-not-found = Нет сборки { $name }.
build-damaged = Сборка { $name } повреждена: файлы не сходятся с манифестом.
build-not-again = { $name } не собрать заново: его коммит даёт теперь другие файлы; закоммитьте набор ещё раз
build-no-commit = Коммитов сборки { $name } в копии репозитория больше нет: собрать её заново и сравнить нельзя. Прочитать репозиторий: merlin build { $dataset }
verify-same = { $build }: сборка та же, коммит { $commit } байт в байт даёт файлы, что лежат в её папке (sha256 { $digest }).
verify-restored = Папка сборки { $build } сделана заново из коммита { $commit } (sha256 { $digest }).
verify-missing = Папки сборки { $build } нет. Коммит { $commit } по-прежнему даёт записанные байты (sha256 { $digest }): её вернёт merlin verify { $build } --restore.
verify-different = { $build } отличается от того, что даёт коммит { $commit }:
verify-digest = коммит даёт теперь другие файлы: sha256 { $made } вместо { $digest }; они зависят и от версии Merlin, и от пределов `models` в config.yaml
verify-may-restore = коммит по-прежнему даёт записанные байты: их вернёт merlin verify { $build } --restore
verify-line = { $file }, строка { $line }: { $example ->
        [none] другие байты
       *[other] другие байты, пример { $example }
    }
verify-absent = { $file }: в папке этого файла нет
verify-strange = { $file }: лежит в папке, но сборке не принадлежит
did-diff = Различия записаны в { $path }
did-prune = { $count ->
        [0] Ничего не удалено: нужна каждая сборка, что здесь лежит.
        [one] Удалена папка { $count } сборки, освобождено байт: { $bytes }.
       *[other] Удалены папки { $count } сборок, освобождено байт: { $bytes }.
    }
would-prune = { $count ->
        [0] Удалять нечего: нужна каждая сборка, что здесь лежит.
        [one] Была бы удалена папка { $count } сборки, байт: { $bytes }.
       *[other] Были бы удалены папки { $count } сборок, байт: { $bytes }.
    }
