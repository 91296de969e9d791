# Как правки становятся коммитами и что об этом слышат редакторы и администраторы.
notice-change-committed = Сохранено: { $subject } (коммит { $commit }). Сообщу, когда модель этому научится.
notice-change-conflict = Не сохранено: { $subject }: { $reason } Ваш текст цел: откройте его и внесите правку снова.
notice-change-refused = Не сохранено: { $subject }: { $reason }
notice-change-waits = Правки пока не отправить в репозиторий. Они сохранены, попытки повторяются. { $reason }
notice-change-parked = { $subject }: репозиторий не принял вашу правку, она сохранена. { $reason } Исправьте причину, откройте правку и повторите.
notice-change-parked-of = { $subject }: репозиторий не принял эту правку (автор: { $by }), она сохранена. { $reason } Исправьте причину, откройте правку и повторите.
notice-change-serving = { $subject }: теперь отвечает { $version }{ $score }.{ $losses }
notice-change-rejected = { $subject }: набор «{ $title }» не собран.
notice-change-rejected-why = { $subject }: набор «{ $title }» не собран: { $reason }
notice-change-superseded = { $subject }: пришёл более новый коммит, модель учится уже по нему.
notice-change-superseded-why = { $subject }: не обучается: { $reason }
notice-change-failed = { $subject }: { $version } не обучилась. Правка сохранена. Если модель уже есть, она продолжает отвечать.
notice-change-failed-why = { $subject }: { $version } не обучилась: { $reason } Правка сохранена. Если модель уже есть, она продолжает отвечать.
notice-change-unchanged = { $subject }: сохранено, обучать нечего: на ответы это не влияет.
notice-change-unchanged-why = { $subject }: сохранено, обучать нечего: { $reason }
notice-change-left_out = { $subject }: обучать нечего. Исправьте ошибку и сохраните снова.
notice-change-left_out-why = { $subject }: обучать нечего. { $reason }. Исправьте ошибку и сохраните снова.
notice-change-removed = { $subject }: набора «{ $title }» в репозитории больше нет.
notice-change-removed-why = { $subject }: набора «{ $title }» в репозитории больше нет: { $reason }
change-score = ; верно { $right } из { $questions }
change-score-none = { "" }

# Первые строки коммитов, которые делает Merlin.
subject-example-add = Новый пример «{ $example }»
subject-example-edit = Правка примера «{ $example }»
subject-example-delete = Удаление примера «{ $example }»
subject-example-correct = Исправление ответа: «{ $example }»
subject-more = { $subject } и ещё { $count }
subject-import = { $count ->
    [one] { $count } новый пример
    [few] { $count } новых примера
   *[many] { $count } новых примеров
  } в { $dataset }
subject-import-changes = Примеры { $dataset }: новых { $count }, изменено { $changed }, удалено { $gone }
subject-import-as = { $subject } (imports.yaml: { $name })
subject-undoing = Отменено: { $subject }
subject-course = Правка карточки курса
subject-material-add = Новый материал: { $material }
subject-material-edit = Правка материала: { $material }
subject-material-remove = Удаление материала: { $material }
subject-file-add = Новый файл { $path }
subject-file-edit = Правка { $path }
subject-file-delete = Удаление { $path }

change-checked-out = В репозитории { $folder } открыта эта ветка, и отправить в неё нельзя. Выполните там один раз: git config receive.denyCurrentBranch updateInstead
change-work-tree = В рабочей папке { $folder } есть изменения без коммита, и отправить в неё нельзя: сделайте коммит или отмените их там.
change-denied = Репозиторий не даёт Merlin отправлять коммиты: { $reason }. Дайте его ключу или токену право записи.
change-push-refused = Репозиторий не принял коммит: { $reason }
change-no-branch = Ветки { $branch } в репозитории больше нет.
change-raced = Пока правка отправлялась, в ветке появлялись новые коммиты (попыток: { $tries }). Попробуем ещё раз.
change-in-the-way = { $path } есть, но это не файл.
change-dataset-gone = Набора { $dataset } в репозитории больше нет, добавлять некуда.
change-no-place = По пути { $path } файл набора хранить нельзя.
change-too-large = В { $path } было бы { $size } байт, а можно { $limit }.
change-count = В одном коммите может быть от 1 до { $limit } разных файлов, а не { $count }.
change-conflict = Тем временем { $path } изменила другая правка.
change-given-up = правка отозвана
change-unknown = Правка { $change } не найдена. Откройте список правок ещё раз.
change-unreadable = Правку больше не прочитать: ключ шифрования утерян.
change-no-example = В наборе { $dataset } нет примера { $example }.

finding-import-json = Неподходящий объект JSON: { $words }
finding-import-keys = В ключах { $found } нет разговора. { $question ->
        [no] Merlin читает messages или вопрос с ответом (question, prompt, вопрос …; answer, completion, ответ …).
        [turns] Это отдельные сообщения. Запишите сообщения каждого разговора списком под messages или вопросы и ответы в таблицу.
        [none] Укажите, где вопрос и где ответ, или назовите их так.
       *[other] Судя по тому, что в них, вопросы стоят в «{ $question }», ответы — в «{ $answer }»: подтвердите это или выберите два других.
    }
finding-import-field = Не сказано, что значит «{ $name }»: { $values }. { $kind ->
        [few] Какие из этих ответов брать?
       *[many] Это вопрос, ответ или для примера не нужно?
    }
finding-import-held = { $kind ->
        [edited] В файле не то, что при прошлой загрузке, но с тех пор { $example } изменил редактор. Пример остался таким, как написал редактор. Если прав файл, исправьте пример.
        [gone] Записи в файле больше нет, но после прошлой загрузки { $example } изменил редактор. Пример остался. Если он не нужен, удалите его.
       *[others] ID в этом файле — те же, что у примеров с другими вопросами и другими ответами: похоже, файл из другого места. Его записи станут новыми примерами.
    }
finding-import-history = Вопрос продолжает разговор под { $found }, без него он непонятен. Запишите все реплики под messages.
import-as-table = Запишите вопросы и ответы в таблицу (CSV или XLSX) со столбцами «вопрос» и «ответ».
finding-import-kind = { $kind ->
        [gzip] Этот файл сжат. Сначала распакуйте его.
        [archive] Это архив. Распакуйте его и загрузите файлы из него.
        [parquet] Это файл Parquet или Arrow. Сохраните его как JSON Lines, например в pandas (to_json, lines).
        [office] Это старый файл Office (.xls, .doc). Откройте его и сохраните как XLSX или CSV.
        [opendocument] Это файл OpenDocument. Сохраните его как XLSX или CSV.
        [pdf] Это PDF. { import-as-table }
        [rtf] Это документ RTF. { import-as-table }
        [picture] Это изображение. { import-as-table }
        [lfs] Это указатель Git LFS, а сам файл хранится отдельно. Возьмите его оттуда.
        [docx] В этом документе Word нет вопросов с ответами. Сделайте каждый вопрос заголовком, а ответ поместите под ним, или пишите «Вопрос:» и «Ответ:».
        [markdown] В этом тексте нет вопросов с ответами. Сделайте каждый вопрос заголовком, а ответ поместите под ним, или пишите «Вопрос:» и «Ответ:».
        [text] В этом тексте нет вопросов с ответами. Начинайте вопросы словом «Вопрос:», ответы — «Ответ:», с новой строки.
        [rasa-markdown] Это данные старого Rasa (Markdown). { import-as-table }
        [telegram] В этой переписке из Telegram нет ответов: примером становится ответ одного человека на сообщение другого.
        [telegram-html] Это чат, выгруженный из Telegram как HTML. Выгрузите его ещё раз в формате «Машиночитаемый JSON».
        [vk] В этой переписке из VK не нашлось ответа: пример — ответ одного человека на сообщение другого.
        [librechat] В этом разговоре из LibreChat не нашлось ответа.
        [kiln] В этом запуске Kiln не нашлось входа с выходом.
        [whatsapp] Это переписка из WhatsApp. { import-as-table }
        [chatgpt] В этих разговорах из ChatGPT нет ответов.
        [dialogflow] В этом агенте Dialogflow нет намерения с фразами и текстовым ответом. { import-as-table }
        [label-studio] В этой выгрузке Label Studio нет текстов разметчиков. Выгрузите задания вместе с разметкой.
        [faq-page] В этой странице FAQPage нет вопросов с ответами.
        [moodle] В этом тесте Moodle (XML) нет вопросов с верным ответом.
        [gift] В этом тесте Moodle (GIFT) нет вопросов с верным ответом.
        [rasa] В этих данных Rasa нет намерения с его ответом. Загрузите файлы вместе, например nlu.yml и domain.yml.
        [html] Это веб-страница. { import-as-table }
        [xml] Это XML. { import-as-table }
       *[yaml] Это YAML. Пример в собственном формате Merlin не загружают: положите файл в папку examples набора и сделайте коммит.
    }
finding-import-function-call = function_call — форма 2023 года. Запишите вызов в tool_calls, а ответ функции — репликой с ролью tool.
finding-import-part = Это не текст: { $kind }. Merlin учит только на тексте: опишите словами, что имеется в виду, или уберите запись.
finding-import-left-keys = Пропущено: { $keys } { $count ->
        [one] ({ $count } запись)
        [few] ({ $count } записи)
        [many] ({ $count } записей)
       *[other] ({ $count } записи)
    }.
finding-import-left = Пропущено: { $kind ->
        [messages] { $count ->
            [one] { $count } сообщение — не вопрос и не ответ
            [few] { $count } сообщения — не вопросы и не ответы
            [many] { $count } сообщений — не вопросы и не ответы
           *[other] { $count } сообщения — не вопросы и не ответы
        }
        [conversations] { $count ->
            [one] { $count } разговор без ответа
            [few] { $count } разговора без ответа
            [many] { $count } разговоров без ответа
           *[other] { $count } разговора без ответа
        }
        [annotations] { $count ->
            [one] { $count } отменённая разметка
            [few] { $count } отменённые разметки
            [many] { $count } отменённых разметок
           *[other] { $count } отменённые разметки
        }
        [questions] { $count ->
            [one] { $count } вопрос без ответа
            [few] { $count } вопроса без ответа
            [many] { $count } вопросов без ответа
           *[other] { $count } вопроса без ответа
        }
        [follow-ups] { $count ->
            [one] { $count } ответ на вопрос внутри разговора
            [few] { $count } ответа на вопросы внутри разговора
            [many] { $count } ответов на вопросы внутри разговора
           *[other] { $count } ответа на вопросы внутри разговора
        }
        [wordings] { $count ->
            [one] { $count } другая формулировка ответа
            [few] { $count } другие формулировки ответов
            [many] { $count } других формулировок ответов
           *[other] { $count } другие формулировки ответов
        }
        [choices] { $count ->
            [one] { $count } другой вариант
            [few] { $count } других варианта
            [many] { $count } других вариантов
           *[other] { $count } других варианта
        }
        [texts] { $count ->
            [one] { $count } абзац вне вопросов и ответов
            [few] { $count } абзаца вне вопросов и ответов
            [many] { $count } абзацев вне вопросов и ответов
           *[other] { $count } абзаца вне вопросов и ответов
        }
        [rows] { $count ->
            [one] { $count } строка над заголовком
            [few] { $count } строки над заголовком
            [many] { $count } строк над заголовком
           *[other] { $count } строки над заголовком
        }
        [excluded] { $count ->
            [one] { $count } запись с другим значением
            [few] { $count } записи с другими значениями
            [many] { $count } записей с другими значениями
           *[other] { $count } записи с другими значениями
        }
        [headings] { $count ->
            [one] { $count } повторный заголовок
            [few] { $count } повторных заголовка
            [many] { $count } повторных заголовков
           *[other] { $count } повторного заголовка
        }
        [comments] { $count ->
            [one] { $count } скрытый комментарий
            [few] { $count } скрытых комментария
            [many] { $count } скрытых комментариев
           *[other] { $count } скрытого комментария
        }
        [struck] { $count ->
            [one] { $count } зачёркнутый текст
            [few] { $count } зачёркнутых текста
            [many] { $count } зачёркнутых текстов
           *[other] { $count } зачёркнутого текста
        }
        [hidden-texts] { $count ->
            [one] { $count } скрытый текст
            [few] { $count } скрытых текста
            [many] { $count } скрытых текстов
           *[other] { $count } скрытого текста
        }
        [conditional] { $count ->
            [one] { $count } ответ или правило с условием
            [few] { $count } ответа или правила с условием
            [many] { $count } ответов или правил с условием
           *[other] { $count } ответа или правила с условием
        }
        [disabled] { $count ->
            [one] { $count } отключённый или скрытый вопрос
            [few] { $count } отключённых или скрытых вопроса
            [many] { $count } отключённых или скрытых вопросов
           *[other] { $count } отключённого или скрытого вопроса
        }
        [pictures] { $count ->
            [one] { $count } ответ на изображение, звук или файл или ими
            [few] { $count } ответа на изображение, звук или файл или ими
            [many] { $count } ответов на изображение, звук или файл или ими
           *[other] { $count } ответа на изображение, звук или файл или ими
        }
        [courtesies] { $count ->
            [one] { $count } сообщение вежливости
            [few] { $count } сообщения вежливости
            [many] { $count } сообщений вежливости
           *[other] { $count } сообщения вежливости
        }
        [drawings] { $count ->
            [one] { $count } картинка поверх ячеек
            [few] { $count } картинки поверх ячеек
            [many] { $count } картинок поверх ячеек
           *[other] { $count } картинки поверх ячеек
        }
        [notes] { $count ->
            [one] { $count } сноска
            [few] { $count } сноски
            [many] { $count } сносок
           *[other] { $count } сноски
        }
        [hidden-sheets] { $count ->
            [one] { $count } скрытый лист
            [few] { $count } скрытых листа
            [many] { $count } скрытых листов
           *[other] { $count } скрытых листа
        }
        [hidden-rows] { $count ->
            [one] { $count } скрытая строка
            [few] { $count } скрытые строки
            [many] { $count } скрытых строк
           *[other] { $count } скрытые строки
        }
        [hidden-columns] { $count ->
            [one] { $count } скрытый столбец
            [few] { $count } скрытых столбца
            [many] { $count } скрытых столбцов
           *[other] { $count } скрытых столбца
        }
       *[other] { $count ->
            [one] { $count } запись другого вида
            [few] { $count } записи другого вида
            [many] { $count } записей другого вида
           *[other] { $count } записи другого вида
        }
    }.
finding-import-encoding = Файл не в UTF-8, прочитан как { $encoding }. Проверьте, верны ли буквы.
finding-import-heading = В первых строках нет столбцов «вопрос» и «ответ». Есть столбцы: { $found }. { $question ->
        [none] Укажите, где вопрос и где ответ, или назовите столбцы так, каждый один раз.
       *[other] Судя по тому, что под ними, вопросы стоят в столбце «{ $question }», ответы — в столбце «{ $answer }»: подтвердите это или выберите два других.
    }
finding-import-csv = Отсюда таблица не читается: { $words }. Обычно не закрыта кавычка: ячейку с запятой, кавычкой или концом строки берут в кавычки, а кавычки в ней удваивают.
finding-import-unreadable = Файл не читается: { $reason ->
        [no-text] ни на одном видимом листе нет строк, ни на одной странице — текста.
        [damaged] он повреждён, закрыт паролем или в старом формате. Сохраните его ещё раз или как CSV UTF-8.
        [password] он закрыт паролем. Сохраните его без пароля.
        [slow] чтение заняло слишком много времени и остановлено. Разделите его на несколько файлов.
       *[other] на чтение нужно слишком много памяти. Разделите его на несколько файлов.
    }
finding-import-left-sheets = Прочитан только лист «{ $sheet }»; строки есть и на листах: { $others }
finding-import-cells = В этой строке ячеек: { $found }, а в заголовке: { $expected }.
finding-import-cell-error = Вместо текста в ячейке ошибка таблицы: { $found }

change-no-dataset =
    { $near ->
        [none] В последнем коммите нет набора { $dataset }.
       *[other] В последнем коммите нет набора { $dataset }; может быть, { $near }?
    }
change-queued = Правка { $change } сохранена. Коммит сделает демон или следующая команда, которая правит примеры.
change-late = Правка { $change } ждёт уже { $seconds } с. Она сохранена. Проверьте: merlin health daemon
change-waits = Правка { $change } сохранена и ждёт: { $reason }
change-parked = Правка { $change } отложена: { $reason } Когда исправите причину: повторите её на странице /changes/{ $change }.
change-not-parked = Правка { $change } не отложена, повторять нечего.
change-not-saved = Не сохранено: { $reason }
change-has-errors = Ничего не сохранено: исправьте ошибки выше.
did-import = { $lines ->
    [one] { $lines } строка
    [few] { $lines } строки
   *[many] { $lines } строк
  }: новых { $new }, { import-changed }уже есть { $duplicates }{ import-stays }
did-plan = { $lines ->
    [one] { $lines } строка
    [few] { $lines } строки
   *[many] { $lines } строк
  }: новых будет { $new }, { import-changed }уже есть { $duplicates }{ import-stays }
import-changed = { $changed ->
    [0] { "" }
   *[other] изменено { $changed },{ " " }
  }
import-stays = { $held ->
    [0] { "" }
   *[other] , остались с правкой редактора { $held }
  }
import-remembered = Поля значат то же, что в прошлый раз: { $name } в imports.yaml.
import-gone = { $count ->
    [one] В файле больше нет записи { $count } примера
    [few] В файле больше нет записей { $count } примеров
    [many] В файле больше нет записей { $count } примеров
   *[other] В файле больше нет записей { $count } примера
  }: { $paths }. { $state ->
    [kept] Они остались. Чтобы удалить: --remove-gone
    [asked] Будут удалены.
   *[removed] Удалены.
  }
import-no-such-value = Ни у одной записи в «{ $field }» нет значения { $values }. Есть: { $found }.
import-no-field = Ни в одной записи файла нет поля { $fields }. Его поля: { $found }
import-bad-name = «{ $name }» — не имя: нужны буквы, цифры, «.», «_» и «-». Например: { $proposed }
import-same-id = У двух записей один ID: { $id }. Неясно, какая из них — этот пример. Дайте каждой записи свой ID, а новой — никакого.
imports-broken = imports.yaml этого набора не читается (строка { $line }): { $reason } Исправьте его в git.
example-unreadable = { $path } не читается: { $reason }
example-broken = Пример не читается, поэтому менять его по частям нельзя: исправьте его файл в клоне.
import-asks = Ничего не загружено: не сказано, что { $count ->
    [one] значит { $count } поле файла
    [few] значат { $count } поля файла
    [many] значат { $count } полей файла
   *[other] значат { $count } поля файла
  }. Посмотрите на значения выше и повторите команду с тем, что верно, например { $options }. --map ЧАСТЬ=ПОЛЕ говорит, что поле — часть примера, --leave ПОЛЕ — что оно не нужно.
import-no-part = --map: части { $part } у примера нет. Его части: { $parts }
import-no-value = { $option }: в «{ $written }» нет «=» с именем перед ним и значением после него.
import-columns = Ничего не импортировано: не сказано, в каких столбцах вопрос и ответ. Повторите команду с { $options }
import-has-errors = Ничего не загружено: строк с ошибками { $rejected } из { $lines }. Исправьте их или пропустите: --skip-bad
import-left-out = { $count ->
    [one] { $count } строка пропущена
    [few] { $count } строки пропущены
   *[many] { $count } строк пропущено
  }: ошибки указаны выше.
import-no-file = Файл пришёл не целиком. Выберите его ещё раз.
import-nothing-new = Сохранять нечего: все примеры файла уже известны или с ошибками.
import-no-dataset = { $near ->
        [none] Набора { $dataset } в последнем коммите нет.
       *[other] Набора { $dataset } в последнем коммите нет; может быть, { $near }?
    } Загрузка дополняет набор, который уже есть. Чтобы создать его из файлов, добавьте --create. Или сделайте рядом с другими наборами папку { $dataset } с файлом dataset.yaml из трёх строк и коммит, затем загрузите снова:
    title: {"{"}ru: '{ $dataset }', en: '{ $dataset }'{"}"}
    system: Отвечай кратко.
    recipe: {"{"}provider: engine, base_model: recall{"}"}
new-dataset-taken = Папка или набор «{ $dataset }» уже есть, возможно, другими буквами. Выберите другое имя, например: { $proposed }
new-dataset-no-title = Напишите название: его видят в списке курсов.
new-dataset-no-engine = Новый набор обучает собственный движок Merlin, а в config.yaml нет провайдера с именем engine. Добавьте его в providers или сделайте коммит с файлом dataset.yaml, где рецепт другой.
new-dataset-no-teacher = Сначала выберите имя пользователя на странице «Аккаунт»: по нему course.yaml назовёт вас преподавателем нового курса.
import-create-what = --create, --as и --remove-gone — для загрузки из файлов: назовите их.
import-what = Назовите файлы или учётную запись, из которой импортировать (--from ПРОВАЙДЕР), что-нибудь одно.
import-progress = файлы
import-sure = { $count ->
        [one] Импортировать { NUMBER($count) } пример?
        [few] Импортировать { NUMBER($count) } примера?
       *[many] Импортировать { NUMBER($count) } примеров?
    }
import-not-sure = Ничего не импортировано. Чтобы импортировать примеры, добавьте --yes.
import-cut = { $count ->
        [0] Ни один файл не завершён.
        [one] Завершён { NUMBER($count) } файл.
        [few] Завершены { NUMBER($count) } файла.
       *[many] Завершено { NUMBER($count) } файлов.
    } Чтобы продолжить, запустите команду ещё раз: дважды ничего не импортируется.
import-no-jobs = Учётная запись не показывает обучения и модели, поэтому их гиперпараметры неизвестны; файлы всё равно читаются. Ответ провайдера: { $reason }
import-keep = То, что не пример, пропадёт вместе с аккаунтом. Чтобы сохранить каждый файл как есть, добавьте к команде --keep ПАПКА
import-kept = { $count ->
    [one] { NUMBER($count) } файл аккаунта лежит
    [few] { NUMBER($count) } файла аккаунта лежат
   *[many] { NUMBER($count) } файлов аккаунта лежат
  } в { $folder } так, как скачаны. В account.json там — его обучения и модели.
import-not-given = { $count ->
    [one] { NUMBER($count) } файл провайдер не отдал
    [few] { NUMBER($count) } файла провайдер не отдал
   *[many] { NUMBER($count) } файлов провайдер не отдал
  }: см. таблицу.
import-keep-progress = файлов сохранено
import-keep-what = --keep хранит файлы аккаунта: назовите его через --from ПРОВАЙДЕР.
import-file-gone = удалён
import-file-taken = импортирован раньше
import-file-test = файл для проверки: примеры пойдут в тест
import-recipe = Гиперпараметры самой новой модели, { $model } (обучение { $job }). Чтобы сохранить их, запишите их под recipe в dataset.yaml:
col-base-model = базовая модель
col-errors = ошибки
col-file = файл
col-known = уже известны
col-lines = строки
col-training-file = файл обучения
col-name = имя
col-new = новые
col-shutdown = отключат
import-too-much = За один раз можно загрузить до { $limit } новых примеров и увидеть столько же ошибок и замечаний: разделите файлы.
export-left-out = { $count ->
    [one] { $count } пример не вошёл в файл: в нём ошибки или другой говорит то же самое.
    [few] { $count } примера не вошли в файл: в них ошибки или другие говорят то же самое.
   *[many] { $count } примеров не вошли в файл: в них ошибки или другие говорят то же самое.
  }
export-too-long = В примере { $example } есть текст длиннее { $limit } символов: столько вмещает ячейка книги Excel. Выберите CSV или JSONL.
export-unwritable = Не удалось записать { $path }: { $reason }
