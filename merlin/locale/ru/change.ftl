# Как правки становятся коммитами и что об этом слышат редакторы и администраторы.
notice-change-committed = Сохранено: { $subject } (коммит { $commit }). Сообщу, к чему это привело.
notice-change-conflict = { $path } тем временем изменил кто-то другой; ничего не сохранено, ваша правка цела.
    Ваш текст:
    { $ours }

    Их текст:
    { $theirs }
notice-change-refused = Не сохранено: { $subject }: { $reason }
notice-change-waits = Правки не отправить в репозиторий: { $reason } Они ждут, попытки повторяются.
notice-change-parked = Репозиторий не принял вашу правку «{ $subject }»; она отложена и не пропадёт. { $reason } Исправьте причину и повторите в разделе «Правки».
notice-change-parked-of = Репозиторий не принял правку «{ $subject }» ({ $by }), она отложена. { $reason } Повторить: merlin example retry { $change }
notice-change-serving = { $subject }: теперь отвечает { $version }{ $score }.
notice-change-rejected = { $subject }: набор { $dataset } не собран.
notice-change-rejected-why = { $subject }: набор { $dataset } не собран: { $reason }
notice-change-superseded = { $subject }: до обучения пришёл более новый коммит; его модель учит и эту правку.
notice-change-superseded-why = { $subject }: не обучается: { $reason }
notice-change-failed = { $subject }: обучение { $version } не удалось. Прежняя модель отвечает дальше.
notice-change-failed-why = { $subject }: обучение { $version } не удалось: { $reason } Прежняя модель отвечает дальше.
notice-change-unchanged = { $subject }: то, чему учат, не изменилось.
notice-change-unchanged-why = { $subject }: то, чему учат, не изменилось: { $reason }
notice-change-removed = { $subject }: набора { $dataset } в репозитории больше нет.
notice-change-removed-why = { $subject }: набора { $dataset } в репозитории больше нет: { $reason }
change-score = ; сходство { $now } из 100
change-score-against = ; сходство { $now } из 100, { $difference } к { $before }
change-score-up = +{ $by }
change-score-down = −{ $by }
change-score-none = { "" }

# Первые строки коммитов, которые делает Merlin: в git они английские, людям говорятся так.
subject-example-add = Новый пример { $example }
subject-example-edit = Правка примера { $example }
subject-example-delete = Удаление примера { $example }
subject-import = Из файла в { $dataset }: { $count ->
    [one] { $count } пример
    [few] { $count } примера
   *[many] { $count } примеров
  }
subject-undoing = Отмена — { $subject }
subject-examples = { $count ->
        [one] Правка { $count } примера: { $dataset }
       *[other] Правка { $count } примеров: { $dataset }
    }
subject-course = Правка карточки курса
subject-material-add = Новый материал: { $material }
subject-material-edit = Правка материала: { $material }
subject-material-remove = Удаление материала: { $material }
subject-file-add = Новый файл { $path }
subject-file-edit = Правка { $path }
subject-file-delete = Удаление { $path }

change-checked-out = В репозитории { $folder } ветка открыта, и отправить в неё нельзя. Скажите там один раз: git config receive.denyCurrentBranch updateInstead
change-work-tree = В рабочей папке { $folder } есть незакоммиченные изменения, и отправить в неё нельзя: закоммитьте или отмените их там.
change-locked = Оборванный git оставил замок { $path }: если там не работает никакой git, удалите его.
change-denied = Репозиторий не даёт Merlin отправлять коммиты: { $reason } Дайте его ключу право записи.
change-push-refused = Репозиторий не принял коммит: { $reason }
change-no-branch = В репозитории больше нет ветки { $branch }.
change-raced = Пока правка отправлялась, ветка ушла вперёд раз подряд: { $tries }; попытки повторяются.
change-in-the-way = На месте { $path } лежит не файл.
change-dataset-gone = Набора { $dataset } в репозитории больше нет, добавлять некуда.
change-no-place = { $path } — не место для файла набора.
change-too-large = В { $path } было бы { $size } байт, а можно { $limit }.
change-count = В один коммит идёт от 1 до { $limit } разных файлов, а не { $count }.
change-conflict = этот файл тем временем изменил кто-то другой
change-given-up = правка отозвана
change-unknown = Правки { $change } нет.
change-unreadable = Правку больше не прочитать: ключа, которым она запечатана, нет.
change-no-example = В наборе { $dataset } нет примера { $example }.

finding-import-json = Эта строка — не объект JSON, который можно взять: { $words }
finding-import-list = Отсюда список не читается: { $words }
finding-import-left-keys = Взят только разговор; здесь и во всех таких строках пропущено: { $keys }
finding-import-heading = Первая строка должна называть столбцы question и answer (вопрос, ответ, а если есть — теги); в ней: { $found }
finding-import-csv = Отсюда таблица не читается: { $words }
finding-import-xlsx = Отсюда книга не читается: { $words }
finding-import-cells = В этой строке ячеек: { $found }, а в заголовке: { $expected }.

change-no-dataset = Набора { $dataset } в новейшем коммите нет.
change-asked-only = Демон сделает коммит (правка { $change }).
change-late = Правка { $change } ждёт уже { $seconds } с; она не пропадёт. Посмотрите: merlin health daemon
change-waits = Правка { $change } сохранена и ждёт: { $reason }
change-parked = Правка { $change } отложена: { $reason } Когда причина исправлена: merlin example retry { $change }
change-not-parked = Правка { $change } не отложена, повторять нечего.
change-was-refused = Не сохранено: { $reason }
change-not-good = Ничего не сохранено: исправьте то, что сказано выше.
change-in-conflict = Тот же файл тем временем изменил кто-то другой, и ничего не сохранено. От их текста к вашему:
    { $difference }
did-change = токенов: { $tokens }; в следующем обучении около { $examples ->
    [one] { $examples } примера
    [few] { $examples } примеров
   *[many] { $examples } примеров
  }
did-change-price = токенов: { $tokens }; в следующем обучении около { $examples ->
    [one] { $examples } примера
    [few] { $examples } примеров
   *[many] { $examples } примеров
  }, оно обойдётся примерно в { $price }
did-import = { $lines ->
    [one] { $lines } строка
    [few] { $lines } строки
   *[many] { $lines } строк
  }: взято { $taken }, уже известно { $duplicates }
did-plan = { $lines ->
    [one] { $lines } строка
    [few] { $lines } строки
   *[many] { $lines } строк
  }: было бы взято { $taken }, уже известно { $duplicates }
did-export = { $count ->
    [one] { $count } пример записан
    [few] { $count } примера записаны
   *[many] { $count } примеров записано
  } в { $path }
example-exists = Пример { $example } уже есть; дайте другой --id или скажите: merlin example edit { $example }
example-file-or-words = Дайте --question и --answer или --file с целым примером.
example-unreadable = { $path } не читается: { $reason }
example-unchanged = { $example } остался прежним: ничего не изменено.
example-broken = Пример не читается, и отдельные слова в нём не поменять: исправьте его в редакторе или дайте --file.
example-no-editor = Редактор { $editor } не запустить; задайте EDITOR или дайте --answer или --file.
example-several = Пример с таким именем есть в нескольких наборах ({ $datasets }): назовите один через --dataset.
example-none-found = Ни в одном примере нет всех этих слов.
import-duplicate = говорит то же, что { $other }
import-not-good = Ничего не взято: строк с ошибками: { $rejected } из { $lines }.
import-left-out = { $count ->
    [one] { $count } строка пропущена
    [few] { $count } строки пропущены
   *[many] { $count } строк пропущено
  }: ошибки названы выше.
import-too-much = За один импорт берётся до { $limit } новых примеров и показывается столько же замечаний: разделите файлы.
import-by-tag = По тегам: { $counts }
import-by-tag-none = без тегов
import-by-language = По языкам: { $counts }
import-by-language-none = прочие
import-duplicates = Ничего не взято: { $count ->
    [one] { $count } строка говорит
    [few] { $count } строки говорят
   *[many] { $count } строк говорят
  } то, что уже известно.
export-left-out = { $count ->
    [one] { $count } пример не умещается в { $format } и пропущен: { $first }
    [few] { $count } примера не умещаются в { $format } и пропущены, первый из них: { $first }
   *[many] { $count } примеров не умещаются в { $format } и пропущены, первый из них: { $first }
  }
export-options = Для huggingface нужна --to ПАПКА, а --language и --license бывают только с ним; --to и --output вместе не дают.
export-nothing = В { $dataset } нет хороших примеров или не читается dataset.yaml: записывать нечего.
export-folder-exists = { $path } уже есть: назовите новую папку или пустую.
export-unwritable = { $path } не записать: { $reason }
