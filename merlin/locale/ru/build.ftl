# Сборки
build-no-spec = Набор { $dataset } не собран: файл dataset.yaml отсутствует или с ошибкой.
build-too-few = Набор { $dataset } не собран: примеров без ошибок { $good }, нужно не меньше { $fewest }.
build-strict = Набор { $dataset } не собран: в нём { $rejected ->
        [one] { $rejected } пример с ошибкой
        [few] { $rejected } примера с ошибками
       *[many] { $rejected } примеров с ошибками
    }, а он строгий (strict: true).
build-not-found = Сборка { $name } не найдена.
    .command = Все сборки: merlin builds
build-damaged = Сборка { $name } повреждена: файлы не сходятся с манифестом.
build-not-again = { $name } не пересобрать: её коммит даёт теперь другие файлы; сделайте новый коммит набора
build-no-commit = Коммита сборки { $name } в зеркале репозитория больше нет, поэтому пересобрать её и сравнить нельзя. Прочитать репозиторий: merlin build { $dataset }
verify-same = { $build }: сборка та же, коммит { $commit } байт в байт даёт файлы из её папки (sha256 { $digest }).
verify-missing = Папки сборки { $build } нет; её создадут снова, когда она понадобится. Коммит { $commit } по-прежнему даёт записанные байты (sha256 { $digest }).
verify-different = { $build } отличается от того, что даёт коммит { $commit }:
verify-digest = коммит даёт теперь другие файлы: sha256 { $made } вместо { $digest }; они зависят и от версии Merlin, и от лимитов `models` в config.yaml
verify-file = { $file }: файла нет, или байты другие; удалите папку, и её создадут снова, когда она понадобится
did-diff-none = В { $old } и { $new } одни и те же примеры.
