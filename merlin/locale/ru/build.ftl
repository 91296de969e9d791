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
