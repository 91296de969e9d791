# Примеры в боте: диалог, который становится коммитом.
bot-command-examples = примеры наборов
examples-which = Какой набор?
examples-count = { $count ->
        [one] { $count } пример
        [few] { $count } примера
       *[many] { $count } примеров
    }
examples-add = ➕ Добавить
examples-page = 🖥 Все примеры: страница
examples-change = 🖥 Открыть правку
examples-find = 🔍 Найти
examples-list = 📄 Список
examples-queue = 💬 Исправления ({ $count })
examples-to-dataset = К набору
examples-ask-question = Пришлите вопрос, каким его задал бы человек.
examples-ask-answer = Теперь пришлите ответ, каким он должен быть.
examples-no-tags = Убрать все теги
examples-press-button = Это сообщение в пример не вошло. Чтобы изменить пример, нажмите кнопку ниже.
examples-send-text = Пришлите текст. Всё, что вы написали раньше, сохранено.
examples-unread = Не могу прочитать: { $parts }. Пришлите текст без этого. Всё, что вы написали раньше, сохранено.
examples-too-long = Это слишком длинно для примера: можно до { NUMBER($most) } знаков. Всё, что вы написали раньше, сохранено.
examples-preview-new = Новый пример · { $dataset }
examples-preview-edit = Правка примера · { $dataset }
examples-preview-delete = Удалить пример? · { $dataset }
examples-preview-proposal = Исправление · { $dataset }
examples-no-errors = ✅ Ошибок нет, можно сохранить.
examples-has-errors = ⛔ Сохранить нельзя, пока есть ошибки.
examples-nothing-changed = Пока ничего не изменено.
examples-more = и ещё { $count }
examples-save = 💾 Сохранить
examples-near-ask = ❓ { $count ->
    [1] У этого примера другой ответ. Не о том же ли он?
   *[other] У этих примеров другие ответы. Нет ли среди них вопроса о том же?
  }
examples-approve = ✅ Принять
examples-delete = 🗑 Да, удалить
examples-delete-ask = 🗑 Удалить
examples-edit-question = ✏️ Вопрос
examples-edit-answer = ✏️ Ответ
examples-edit-tags = 🏷 Теги
examples-reword-question = Новый вопрос
examples-reword-answer = Новый ответ
examples-reword-tags = Новые теги
examples-reword-hint-q = Нынешний текст — выше, его можно скопировать. Пришлите новый вопрос.
examples-reword-hint-a = Нынешний текст — выше, его можно скопировать. Пришлите новый ответ.
examples-reword-hint-t = Пришлите теги через запятую. Если запятых нет, теги разделяет пробел.
examples-broken = Этот файл не читается, поэтому вопрос, ответ и теги в нём здесь не поменять. Исправьте файл в git.
examples-saved-title = Сохраняю
examples-saved = Напишу, когда правка сохранится.
examples-saved-late = Правка ждёт: служба, которая сохраняет правки и обучает, сейчас не запущена. Правка не потеряется. Напишу, когда она сохранится.
examples-no-draft = Эта правка уже закрыта. Начните её заново.
examples-not-found = Пример не найден: возможно, он удалён. Найти другой: /examples
examples-decided = Это исправление уже рассмотрено.
examples-list-hint = Нажмите на пример, чтобы открыть его.
examples-none = Примеров пока нет.
examples-ask-find = Какие слова искать в примерах набора «{ $dataset }»? Найду те, где есть все слова. Часть слова тоже годится.
examples-found = Нашлось по словам «{ $words }». Чтобы искать дальше, пришлите другие слова.
examples-found-none = По словам «{ $words }» ничего не нашлось. Пришлите другие слова.
examples-no-text = (это не текст)
examples-drafted = Черновик модели { $teacher }.
examples-queue-hint = Предложили люди, личное уже скрыто, или более сильная модель. Нажмите, чтобы решить.
examples-queue-empty = Новых исправлений нет.
examples-decline = ❌ Отклонить
examples-ask-decline = Отклонить «{ $question }» и удалить?
examples-declined = Отклонено, текст удалён.
