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
build-not-again = { $name } не пересобрать: её коммит теперь даёт другие файлы. Сделайте новый коммит набора
did-diff-none = В { $old } и { $new } одни и те же примеры.
