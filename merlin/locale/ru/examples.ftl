# Примеры в боте: диалог, который становится коммитом.
bot-command-examples = примеры наборов
examples-which = Какой набор?
examples-count = { $count ->
        [one] { $count } пример
        [few] { $count } примера
       *[many] { $count } примеров
    }
examples-no-findings = Замечаний нет.
examples-problems = 🔎 Замечания
examples-add = ➕ Добавить
examples-forward = ↪️ Из переписки
examples-find = 🔍 Найти
examples-list = 📄 Список
examples-import = 📥 Из файла
examples-queue = 💬 Исправления ({ $count })
examples-changes-count = ⏳ Правки ({ $count })
examples-changes = ⏳ Правки
examples-to-dataset = К набору
examples-ask-question = Пришлите вопрос, каким его задал бы человек.

    Несколько примеров сразу: перешлите переписку или вставьте таблицу с вопросами и ответами.
examples-ask-answer = Теперь пришлите ответ, каким он должен быть.
examples-turn = ➕ Ещё вопрос
examples-ask-wording = Пришлите тот же вопрос другими словами. Он станет тестовым: по нему модель проверят.
examples-wording = 💬 Другими словами
examples-wording-is = 🧪 { $words }
examples-wording-same = Это те же слова. Спросите об этом иначе.
examples-tests = 🧪 Тестовых вопросов: { $questions } из { $least }. Добавьте к примеру тот же вопрос другими словами.
examples-for-test = 🧪 Для теста
examples-no-test = ✓ 🧪 Для теста
examples-as-one = Один пример
examples-as-many = Отдельные примеры ({ $count })
examples-no-tags = Убрать все теги
examples-press-button = Это сообщение в пример не вошло. Чтобы изменить пример, нажмите кнопку ниже.
examples-edited = Правка сообщения в пример не вошла. Изменить пример можно кнопками под ним, а последнее сообщение — кнопкой «‹ Назад».
examples-aside = Пример, который вы писали, не сохранён: он отложен.{ $earlier ->
        [some] {" "}Отложенный раньше удалён.
       *[none] {""}
    }
examples-aside-continue = ✏️ Продолжить пример
examples-cancelled = Хорошо, черновик удалён. В наборе ничего не изменилось.
examples-send-text = Пришлите текст или один текстовый файл в UTF-8. Всё, что вы написали раньше, сохранено.
examples-too-long = Это слишком длинно для примера: можно до { NUMBER($most) } знаков. Всё, что вы написали раньше, сохранено.
examples-many-turns = В одном примере не больше { $most } реплик. Сохраните этот и начните новый.
examples-preview-new = Новый пример · { $dataset }
examples-preview-edit = Правка примера · { $dataset }
examples-preview-delete = Удалить пример? · { $dataset }
examples-preview-conflict = Ваш вариант вместо чужого · { $dataset }
examples-preview-proposal = Исправление от человека · { $dataset }
examples-no-errors = ✅ Ошибок нет, можно сохранить.
examples-has-errors = ⛔ Сохранить нельзя, пока есть ошибки.
examples-nothing-changed = Пока ничего не изменено.
examples-more = и ещё { $count }
examples-save = 💾 Сохранить
examples-approve = ✅ Принять
examples-delete = 🗑 Да, удалить
examples-delete-ask = 🗑 Удалить
examples-edit-question = ✏️ Вопрос
examples-edit-answer = ✏️ Ответ
examples-edit-tags = 🏷 Теги
examples-edit-whole = 📝 Файл целиком
examples-as-file = 📎 Показать файл целиком
examples-reword-question = Новый вопрос
examples-reword-answer = Новый ответ
examples-reword-tags = Новые теги
examples-reword-whole = Новый текст файла
examples-reword-hint-q = Нынешний текст — выше, его можно скопировать. Пришлите новый вопрос.
examples-reword-hint-a = Нынешний текст — выше, его можно скопировать. Пришлите новый ответ.
examples-reword-hint-t = Пришлите теги через запятую или пробел; в самом теге пробелов нет.
examples-reword-hint-y = Нынешний файл — выше, его можно скопировать. Пришлите его целиком: сообщением или файлом .yaml.
examples-broken = Этот файл не читается, поэтому отдельно вопрос, ответ и теги в нём не поменять. Исправьте файл целиком.
examples-saved-title = Сохраняю
examples-saved = Напишу, когда правка сохранится.
examples-saved-late = Правка ждёт: служба, которая сохраняет правки и обучает, сейчас не запущена. Правка не потеряется; напишу, когда она сохранится.
examples-no-draft = Эта правка уже закрыта. Начните её заново.
examples-not-found = Пример не найден: возможно, он удалён. Найти другой: /examples
examples-decided = Это исправление уже рассмотрено.
examples-list-hint = Нажмите на пример, чтобы открыть его.
examples-none = Примеров пока нет.
examples-ask-find = Какие слова искать в примерах набора «{ $dataset }»? Найду те, где есть все слова; часть слова тоже годится.
examples-found = Нашлось по словам «{ $words }». Чтобы искать дальше, пришлите другие слова.
examples-found-none = По словам «{ $words }» ничего не нашлось. Пришлите другие слова.
examples-no-text = (это не текст)
examples-versions = Сборки с этим примером: { $versions }. Версия файла: { $blob }
examples-no-version = Ни в одной сборке этого примера пока нет.
examples-history-line = { $at } — { $author }: { $subject } ({ $commit })
examples-history-hint = Новые сверху. Более ранние изменения покажет git log.
examples-history-none = Коммит с этим примером ещё обрабатывается. Загляните чуть позже.
examples-model-answer = Модель ответила: { $words }
examples-drafted = Черновик модели { $teacher }, цена { $price }.
examples-queue-hint = Предложили люди, личное уже скрыто, или более сильная модель. Нажмите, чтобы решить.
examples-queue-empty = Новых исправлений нет.
examples-several = ☑️ Сразу несколько
examples-several-title = Решить сразу: { $count ->
        [one] { $count } предложение
        [few] { $count } предложения
       *[many] { $count } предложений
    }
examples-approve-all = ✅ Принять все эти
examples-decline-all = ❌ Отклонить все эти
examples-approved-all = Принято: { $count ->
        [one] { $count } пример
        [few] { $count } примера
       *[many] { $count } примеров
    }. { $left ->
        [0] О коммите сообщу.
        [one] С ошибками { $left } предложение, оно ждёт дальше.
        [few] С ошибками { $left } предложения, они ждут дальше.
       *[many] С ошибками { $left } предложений, они ждут дальше.
    }
examples-declined-all = Отклонено: { $count ->
        [one] { $count } предложение
        [few] { $count } предложения
       *[many] { $count } предложений
    }. Текст удалён.
examples-decline = ❌ Отклонить
examples-decline-bare = Отклонить без причины
examples-ask-reason = Почему отклоняем «{ $question }»? Пришлите причину одной фразой: её прочтёт автор исправления. Без причины ничего ему не напишу.
examples-reason-long = Покороче, пожалуйста: до { $most } знаков.
examples-declined = Отклонено, текст удалён.
examples-declined-notified = Отклонено, текст удалён. Автор исправления прочтёт причину.
examples-not-accepted = Спасибо, что подсказали ответ на вопрос «{ $question }». Редактор его не принял: { $reason }
examples-changes-hint = Новые сверху.
examples-changes-none = Вы пока ничего не правили.
examples-state-waiting = Сохраняется.
examples-state-working = Сохраняется прямо сейчас.
examples-state-committed = Сохранено (коммит { $commit }).
examples-state-conflict = Не сохранено: файл тем временем изменила другая правка. Ваша правка цела.
examples-state-refused = Не сохранено.
examples-state-parked = Отложено: репозиторий не принял правку. Она сохранена.
examples-conflict-file = Файл: { $path }
examples-mine-is = Ваш вариант:
examples-theirs-is = Другой вариант:
examples-no-file = (файла нет)
examples-mine = Сохранить мой вариант
examples-theirs = Оставить чужой вариант
examples-mend = ✏️ Объединить
examples-theirs-stays = Остаётся чужой вариант.
examples-take-back = Отозвать правку
examples-ask-take-back = { $subject }. Отозвать эту правку? Её текст будет удалён.
examples-retry = 🔁 Повторить
examples-undo = ↩️ Отменить правку
examples-ask-undo = { $subject }. Отменить эту правку? Это изменит { $count ->
        [one] { $count } файл
        [few] { $count } файла
       *[many] { $count } файлов
    } одним новым коммитом.
examples-undone-title = Отменяю правку
examples-ask-forward = Перешлите сюда сообщения переписки, можно сразу все. Потом отметим, где вопросы, а где ответы.
examples-send-forwarded = Перешлите сообщения с текстом. Всё присланное сохранено.
examples-forward-full = В один пример помещается до { $most } сообщений. Всё присланное сохранено.
examples-forward-none = Пока ничего не выбрано.
examples-pick-hint = Кто что сказал? Нажимайте на сообщение, чтобы сменить знак: 👤 вопрос, 🤖 ответ, ▫️ не берём. Сообщения одной стороны подряд соединятся. Можно переслать ещё.
examples-import-title = Новые примеры · { $dataset }
examples-ask-file = Пришлите файл CSV или XLSX (столбцы question, answer и, если есть, tags; можно по-русски) или разговоры в JSON (OpenAI, ShareGPT, Alpaca; по одному в строке или списком), до { $megabytes } МБ. Сначала покажу, что в нём нового.
examples-send-file = Пришлите один файл CSV, XLSX или JSON либо вставьте таблицу сообщением.
examples-import-counts = Получено: { $lines }. Новых: { $taken }, уже есть: { $duplicates }, с ошибками: { $rejected }.
examples-import-line = Строка { $line }: { $words }
examples-import-nothing = Новых примеров нет.
examples-save-many = 💾 Сохранить { $count ->
        [one] { $count } пример
        [few] { $count } примера
       *[many] { $count } примеров
    }
examples-line = строка { $line }
