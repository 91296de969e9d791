# Замечания проверки. Ключ: finding-<правило>.

finding-too-large = Файл слишком велик: { $size ->
        [one] { $size } байт
        [few] { $size } байта
       *[many] { $size } байт
    } при допустимых { $limit }.
finding-not-utf8 = Файл не в кодировке UTF-8: встретился байт { $byte }. Сохраните его в UTF-8 (в Excel: «CSV UTF-8»).
finding-bom = Файл начинается с метки порядка байтов (BOM). Сохраните его как UTF-8 без BOM.
finding-control-character = Символ { $code } здесь недопустим: { $kind ->
        [line] он незаметно заканчивает строку. Поставьте вместо него пробел или обычный конец строки
        [half] это половина знака, часто обрезанного эмодзи. Наберите этот знак заново
       *[control] это невидимый управляющий символ. Удалите его
    }.
finding-yaml-syntax = { $problem ->
        [conflict] Неразрешённый конфликт git: оставьте один из двух текстов и уберите строки с <<<<<<<, ======= и >>>>>>>.
       *[other] Ошибка в записи YAML: { $words }. Проверьте отступ, он делается пробелами; текст, в котором есть «: » или «#» или который начинается со знака, возьмите в кавычки или запишите через «|».
    }
finding-wrong-space = { $kind ->
    [dash] Здесь стоит тире { $code }, которое YAML считает буквой. Наберите вместо него дефис «-».
   *[space] Здесь стоит пробел { $code }, который YAML считает буквой. Наберите вместо него обычный пробел.
}
finding-too-many-nodes = В файле слишком много частей: допустимо не больше { $limit }.
finding-too-deep = Слишком глубокая вложенность: допустимо не больше { $limit } уровней.
finding-empty-file = Файл пуст.
finding-several-documents = В файле несколько документов YAML, нужен один: уберите строку «---».
finding-alias = Ссылки YAML (*{ $name }) не допускаются: напишите текст целиком.
finding-anchor = Якоря YAML (&{ $name }) не допускаются: напишите текст целиком.
finding-tag = Теги YAML ({ $name }) не допускаются.
finding-merge-key = Ключ слияния «<<» не допускается.
finding-duplicate-key = Ключ «{ $name }» уже есть в строке { $first }.
finding-complex-key = Ключом может быть только слово, не список и не набор.

finding-unknown-key = { $name ->
    [canary] Проверка модели на части людей удалена: новая модель отвечает всем, если её не остановит порог качества. Уберите «canary» и задайте gate.
   *[other] Неизвестный ключ «{ $name }».
}
finding-misspelt-key = Неизвестный ключ «{ $name }»; может быть, «{ $near }»?
finding-missing-key = Нет обязательного ключа «{ $name }».
finding-missing-one-of = Нужен хотя бы один из ключей: { $keys }.
finding-wrong-type = Здесь ждали { $expected ->
        [string] текст
        [integer] целое число
        [number] число
        [boolean] true или false
        [array] список
       *[object] набор «ключ: значение»
    }, а стоит { $found ->
        [string] текст
        [number] число
        [boolean] true или false
        [array] список
        [object] набор «ключ: значение»
       *[null] null
    }.
finding-not-one-of = Здесь может стоять только: { $allowed }, а стоит: { $found }.
finding-too-small = Значение { $found } слишком мало, граница: { $limit }.
finding-too-big = Значение { $found } слишком велико, граница: { $limit }.
finding-too-short = Текст слишком короткий: знаков нужно не меньше { $limit }.
finding-too-long = Текст слишком длинный: знаков допустимо не больше { $limit }.
finding-too-few-items = Слишком мало частей в { $name }: нужно не меньше { $limit }.
finding-two-in-one = Две реплики слиплись в одну: начните каждую со своего дефиса, «- user: …», затем «- assistant: …».
finding-too-many-items = Слишком много частей в { $name }: допустимо не больше { $limit }.
finding-same-items = В списке { $name } есть одинаковые пункты.
finding-wrong-form = «{ $found }» здесь не подходит: проверьте по схеме (merlin schema).
finding-wrong-value = Значение { $found } здесь не подходит.

finding-unknown-rule = Правила «{ $name }», которое можно было бы выключить, нет{ $near ->
        [none] .
       *[other] ; может быть, «{ $near }»?
    } Все правила: merlin rules
finding-always-on = Правило «{ $name }» не выключить: оно сообщает об ошибке. Выключать можно только предупреждения и замечания.
finding-blank-text = В этом тексте ничего не видно: в нём только пробелы или невидимые знаки. Напишите его или уберите ключ.
finding-no-reason = Укажите, почему правило выключено: об этом спросят.
finding-no-rejected = Метод — dpo, а ответа под rejected здесь нет: допишите под ним худший ответ, в тексте примера целиком.
finding-same-rejected = Ответ под rejected говорит то же, что и последний: предпочесть нечего.
finding-unused-rejected = Ответ под rejected не используется: на худших ответах учат только recipe.method: dpo и kto.

finding-empty-content = Пустая реплика: { $role ->
        [system] system
        [user] вопрос
        [assistant] ответ
       *[tool] ответ функции
    } без текста.
finding-system-not-first = Сообщение system может стоять только первым.
finding-wrong-turn = Нарушен порядок реплик: ждали { $expected }, а стоит { $found }.
finding-last-not-assistant = Последним должен говорить assistant, а стоит { $found }.
finding-tool-results = Результаты не соответствуют вызовам. Вызовы с id: { $calls }. Результаты с id: { $results }.
finding-missing-value = Весь текст — «{ $found }»: так программы отмечают пропущенное значение. Напишите текст или удалите пример. Если так и задумано, напишите предложение или возьмите слово в `обратные кавычки`.
finding-unfilled-template = «{ $found }» — незаполненное место шаблона. Впишите то, что должно там стоять. Чтобы написать о шаблонах, возьмите его в `обратные кавычки`.
finding-tools-not-trained = В примере объявлены или вызываются функции (tools): наш движок им не обучает, а этот набор обучается на нём.
finding-undeclared-function = Функция { $name } вызывается, но не объявлена в tools.
finding-tool-arguments = Аргументы { $name } должны быть объектом JSON, а здесь: { $found }.
finding-wrong-name = «{ $found }» — имя, которое провайдеры не примут: нужны только латинские буквы, цифры, «_» и «-».

finding-not-a-file = { $kind ->
    [link] Символическая ссылка вместо файла или папки: Merlin по ссылкам не ходит.
    [submodule] Подмодуль git вместо файла: положите сами файлы.
   *[other] Это не обычный файл.
}
finding-bad-name = В именах можно буквы, цифры, «.», «_» и «-» в составной форме Unicode (NFC, не NFD), окончание .yaml. В пути не больше 1000 байт, в каждом имени — 200. Например: { $proposed }
finding-stray-file = Этот файл Merlin не использует.
finding-not-an-example = Это не пример: у примеров окончание .yaml. Если здесь разговор, назовите файл { $proposed }
finding-too-many-files = Примеров больше, чем допустимо ({ $limit }); не взято: { $beyond }.
finding-too-many-bytes = Примеры вместе больше, чем допустимо ({ $limit } байт); не взято: { $beyond }.

finding-missing-dataset = Нет файла dataset.yaml, или папка — подмодуль git: в этом файле указано, чему и как учить.
finding-bad-dataset-name = Имя папки «{ $name }» не подходит. Можно буквы, цифры, «.», «_» и «-» в составной форме Unicode (NFC, не NFD), но не имена устройств Windows вроде con и aux. Например: { $proposed }
finding-user-in-link = В ссылке перед @ стоит имя или пароль: их увидят все, а сайт — только то, что после. Укажите ссылку без них.
finding-missing-text = Текст { $text } не найден: нужен файл .md в папке { $folder }

finding-unreadable = Содержимое файла не удалось прочитать: его нет в git, или оно хранится в Git LFS.
finding-too-many-tokens = Пример длиннее, чем допускает базовая модель: токенов { $tokens }, допустимо { $limit }.
finding-too-few-examples = Примеров без ошибок { $good }, а для обучения нужно не меньше { $fewest }.
finding-few-tests = Тестовых примеров: { $tests }; чтобы порог качества останавливал модели, нужно не меньше { $least }.
finding-few-examples = Примеров без ошибок { $good }; советуем начинать с { $advised }.

finding-duplicate = То же самое уже сказано в { $other }: этот файл не взят.
finding-leak = Тот же вопрос есть среди примеров для обучения: { $other }. Такой тест измерит только память, файл не взят.
finding-contradiction = На этот вопрос в { $other } дан другой ответ.
finding-same-meaning = В { $other } тот же вопрос другими словами, а ответ другой.
finding-meaning-unchecked = Вопросы не сравнивались по смыслу: их { NUMBER($count) }, а сравниваются до { NUMBER($limit) }.

finding-secret = Похоже на ключ или пароль: модель выучит его и расскажет всем.
finding-personal = { $kind ->
    [mail] { $found } похоже на почту человека.
    [phone] { $found } похоже на телефон человека.
   *[address] { $found } похоже на адрес человека.
} Уберите или разрешите, указав причину.
finding-bank-card = Похоже на номер банковской карты: { $found }. Уберите или разрешите, указав причину.
finding-passport = Похоже на номер паспорта или другого документа: { $found }. Уберите или разрешите, указав причину.
finding-snils = Похоже на СНИЛС: { $found }. Уберите или разрешите, указав причину.
finding-inn = Похоже на ИНН: { $found }.
finding-refusal = Ответ похож на отказ чужой модели: ему выучатся так же, как знанию.
finding-cut-off = Ответ, похоже, обрывается: нет знака препинания в конце, или не закрыт блок кода, скобка или кавычка.
finding-other-language = Ответ не на том языке, на котором вопрос.
finding-comment-in-text = С этого знака «#» начинается комментарий: остатка строки в тексте нет. Если он нужен, возьмите текст в кавычки или запишите через «|».
finding-control-token = «{ $found }» — служебный токен моделей: наш движок обучит его как текст, а другой провайдер может закончить на нём сообщение.
finding-replacement-character = U+FFFD стоит здесь на месте знака, который потерялся из-за неверной кодировки. Впишите этот знак или выгрузите текст заново в UTF-8.
finding-reasoning = «{ $found }» отмечает размышления модели, и студенты их увидят. Удалите теги и сами размышления.
finding-direction-mark = Невидимый знак направления письма { $found }: читается не то, что написано.
finding-invisible-letter = Невидимый знак { $found } в тексте.
finding-near-duplicate = { $answers ->
    [differ] Почти тот же вопрос уже есть в { $other }, а ответ там другой.
   *[same] Почти тот же вопрос уже есть в { $other }.
    }
finding-near-leak = Почти тот же вопрос есть среди примеров для обучения: { $other }. Такой тест измерит больше память, чем знание.

# Команда check
check-summary = { $datasets ->
        [one] { $datasets } набор
        [few] { $datasets } набора
       *[many] { $datasets } наборов
    }, { $files ->
        [one] { $files } файл
        [few] { $files } файла
       *[many] { $files } файлов
    }, без ошибок { $examples ->
        [one] { $examples } пример
        [few] { $examples } примера
       *[many] { $examples } примеров
    }; ошибок: { $errors }, предупреждений: { $warnings }, замечаний: { $notes }
check-no-such-path = Нет такого файла или папки: { $path }
check-no-dataset = В «{ $path }» нет набора. Набор — это папка с dataset.yaml и examples/. Создать репозиторий с набором: merlin init
