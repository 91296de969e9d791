# К чему привёл коммит и почему.
commit-state-waiting = сохраняется
commit-state-working = сохраняется
commit-state-committed = сохранён
commit-state-parked = пока не сохранён
commit-state-refused = не сохранён
commit-state-checked = проверен
commit-state-replaced = изменён позже
commit-state-mended = исправлен
commit-state-undone = отменён
rollback-from = Её обучил коммит «{ $subject }».
rollback-undone = Этот коммит потом отменил «{ $subject }», { $author }.
rollback-returns = { $count ->
    [one] Прежним станет { $count } ответ.
    [few] Прежними станут { $count } ответа.
   *[many] Прежними станут { $count } ответов.
  }
commit-after-undone = отменён коммитом «{ $subject }», { $author }
commit-after-mended = исправлен коммитом «{ $subject }», { $author }
commit-after-replaced = изменён ещё раз коммитом «{ $subject }», { $author }
commit-state-held = отложен
commit-state-built = собран
commit-state-training = обучается
commit-state-testing = проходит тест
commit-state-gated = не применён
commit-state-pinned = ждёт открепления
commit-state-serving = применён
commit-state-served = отвечал раньше
log-none = Ни один коммит ещё не записан. Запущенный демон записывает каждый новый; получить и собрать сейчас: merlin build НАБОР
builds-none = Сборок пока нет. Проверить и собрать новейший коммит: merlin build НАБОР
jobs-none = Ни одно обучение ещё не начиналось. Чего оно ждёт, показывает merlin log. Обучить сейчас: merlin jobs launch НАБОР
trained-models-none = Обученных моделей пока нет. Как идёт обучение: merlin status
log-repeated = и ещё { $count } из названных выше
log-served-until = отвечал до { $at }
commit-state-superseded = вошёл в следующий коммит
commit-state-failed = не удался
commit-state-unchanged = обучать нечего
commit-state-left_out = не учтён
commit-state-rejected = отклонён
commit-state-removed = удалён

verdict-rejected = { $errors ->
    [0] примеров без ошибок: { $good } из { $fewest }, нужных для обучения
    [one] { $errors } ошибка, примеров без ошибок: { $good }
    [few] { $errors } ошибки, примеров без ошибок: { $good }
   *[many] { $errors } ошибок, примеров без ошибок: { $good }
  }
verdict-left-out = { $count ->
    [one] { $count } пример не учтён
    [few] { $count } примера не учтены
   *[many] { $count } примеров не учтены
  }: смотрите { $place }
verdict-earlier = осталась ошибка прежнего коммита { $commit }
verdict-pinned = текущая модель закреплена: новые ждут, пока её не открепят
verdict-history = история ветки переписана

held-skip = в коммите сказано [skip train]
held-manual = ждёт запуска вручную (launch.mode: manual)
held-off = обучение отключено (launch.mode: off)
held-few-new = { $new ->
    [one] { $new } новый пример
    [few] { $new } новых примера
   *[many] { $new } новых примеров
  } из { $needed } нужных
held-quiet = обучение начнётся через { $seconds } с, если не будет новых коммитов
held-slots = ждёт, пока у провайдера закончится другое обучение
held-job-cap = обучение может стоить { $price }, лимит { $cap }
held-month-cap = обучение может стоить { $price }; в этом месяце потрачено { $spent } из { $cap }
held-no-price = лимит задан, но цены этой базовой модели нет в config.yaml
held-no-pairs = базовая модель { $model } не умеет учиться на парах (recipe.method: dpo): укажите в base_model языковую модель или поставьте method: supervised
held-exact-first = recipe.hyperparameters.exact_first работает только с языковой моделью провайдера engine, а в рецепте — { $model } провайдера { $provider }. Уберите exact_first или выберите такую модель
held-no-ratings = на оценках (recipe.method: kto) учится только языковая модель движка Merlin, а не { $model }. Укажите такую и provider: engine или поставьте method: supervised
held-beta = recipe.hyperparameters.beta работает только с методами dpo и kto, а не { $method }. Уберите beta или смените метод
held-sunset = { $model } отключат { $date }: обученная на ней модель проработала бы { $days ->
        [one] { $days } день
        [few] { $days } дня
       *[many] { $days } дней
    }
held-dark = { $model } отключили { $date }: укажите другую base_model или обучите у другого провайдера
held-forbidden = провайдер «{ $provider }» не разрешает этой учётной записи обучать; когда разрешит, запустите обучение снова
held-revoked = согласие на один из примеров отозвано. Соберётся коммит, который его уберёт
held-no-provider = в config.yaml нет провайдера «{ $provider }»
model-name-form = «{ $name }» — не ПРОВАЙДЕР/МОДЕЛЬ, например engine/qwen3-4b или openai/gpt-6-luna

launch-already = Эта сборка набора уже обучена или обучается (обучение { $job }). Новая появится после правки примеров.
    .command = Чтобы отвечала её модель: merlin models list, затем merlin models promote МОДЕЛЬ
launch-full = у провайдера «{ $provider }» { $count ->
    [one] не завершено { $count } обучение
    [few] не завершены { $count } обучения
   *[many] не завершено { $count } обучений
  }, лимит { $limit }: запустите снова, когда одно завершится, или отмените одно
launch-moved-on = Ничего не запущено: набор { $dataset } за это время изменился. Повторите: будет взята новая сборка.
    .command = Итоги коммитов: merlin log
launch-no-spec = Настройки набора в этом коммите не читаются
build-other-dataset = { $old } и { $new } — сборки разных наборов, сравнить их нельзя. Укажите две сборки одного набора. Их перечисляет команда merlin builds.
build-none = У набора { $dataset } в этом коммите нет сборки. Исправьте набор новым коммитом.
    .command = Что случилось: merlin log { $dataset }
cancel-final = Обучение { $job } уже завершено
cancel-unknown-job = Провайдер «{ $provider }» не знает обучение { $job }, остановить его там нельзя. Проверьте ключ провайдера: в другой учётной записи оно может ещё идти. Если его там удалили, через день Merlin отметит его как неудавшееся.
cancel-launching = Обучение { $job } как раз запускается. Повторите через минуту
promote-not-good = модель { $model } не прошла тест и текущей стать не может
promote-gone = у провайдера «{ $provider }» больше нет модели { $model }, отвечать она не может
promote-unapplied = провайдер «{ $provider }» отвечает без обученных весов модели { $model }, отвечать она не может
promote-revoked = согласие на один из примеров модели { $model } отозвано, отвечать она не может
promote-raced = Кто-то переключил модель раньше. Посмотрите ещё раз
rollback-live = У набора { $dataset } уже отвечает { $model }
rollback-none = У набора { $dataset } раньше не отвечала никакая другая модель.
    .command = Все модели: merlin models list
serves-nothing = У набора { $dataset } пока нет текущей модели

notice-serving = { $title }: теперь отвечает { $version } ({ $proof }).{ $losses }
reach = { $way ->
        [default] Отвечает людям: это модель по умолчанию.
        [course] Отвечает людям в своём курсе.
        [preset] Отвечает людям, которые выбрали пресет.
       *[none] { reach-none }
    }
reach-none = Людям её пока негде спросить: её набор — не активный курс. Добавьте рядом с его dataset.yaml файл course.yaml с active: true и сделайте коммит или укажите набор в datasets.default в config.yaml.
live-unreached = {" "}{ $reach }{ $losses }
live-worse = На { $count ->
        [one] { $count } тестовый вопрос
        [few] { $count } тестовых вопроса
       *[many] { $count } тестовых вопросов
    } { $against } отвечала лучше
live-worse-list = {" "}{ live-worse }:
    { $list }
live-not-worse = { "" }
gate-lost = { $version } неверно отвечает на { $wrong ->
        [one] { $wrong } тестовый вопрос, на который
        [few] { $wrong } тестовых вопроса, на которые
       *[many] { $wrong } тестовых вопросов, на которые
    } { $against } отвечает верно{ $refused ->
        [0] { "" }
        [one] , и ещё на { $refused } не отвечает
       *[other] , и ещё на { $refused } не отвечает
    }{ $invented ->
        [0] { "" }
       *[other] , выдуманных ответов вместо отказов — { $invented }
    }. Пока отвечает { $against }
gate-worse = { $version } отвечает на тестовые вопросы хуже, чем { $against }: «не знаю» вместо верного ответа — { $refused }, выдумано вместо «не знаю» — { $invented }, стало лучше — { $gained }. Пока отвечает { $against }
gate-first = { $version } — первая модель набора, и она не лучше { $asked ->
        [0] отказа на каждый вопрос
       *[other] необученной { $against }, у которой верно { $before }
    }: на тестовых вопросах верно { $right } из { $questions }, неверно { $wrong }
gate-floor = { $version } верно отвечает на { $right } из { $questions ->
    [one] { $questions } тестового вопроса
   *[other] { $questions } тестовых вопросов
    }, а dataset.yaml требует не меньше { $floor } % (gate.floor.right)
gate-invents = { $version } отвечает на посторонние вопросы: { $invented } из { $questions }. { $against } на них не отвечала. Пока отвечает { $against }
gate-many = У { $version } { $count ->
        [one] { $count } выученный ответ из { $answers } другой или исчез
        [few] { $count } выученных ответа из { $answers } другие или исчезли
       *[many] { $count } выученных ответов из { $answers } другие или исчезли
    }: столько сразу изменили коммиты. Пока отвечает { $against }
gate-one-answer = { $version } отвечает одно и то же, «{ $answer }», там, где у { $against } { $count ->
        [one] { $count } разный ответ
        [few] { $count } разных ответа
       *[many] { $count } разных ответов
    }. Пока отвечает { $against }
gate-moved = У { $version } { $count ->
        [one] { $count } ответ стоит
        [few] { $count } ответа стоят
       *[many] { $count } ответов стоят
    } не у тех вопросов, что у { $against }, как если бы съехал столбец таблицы. Пока отвечает { $against }
gate-forgotten = { $version } знает { $right } из { $questions ->
    [one] { $questions } вопроса
   *[other] { $questions } вопросов
    }, которым её саму учили
gate-wrong = ✗ { $question } → { $answer }
gate-refused = – { $question }
gate-more = … и ещё { $count }
gate-not-held = Принимать нечего: ни один ответ не мешает модели { $model } стать текущей.
    .command = См. merlin models list
gate-nothing-unsure = Решать нечего: ответ модели { $model } на этот вопрос больше не под вопросом.
    .command = См. merlin models list
gate-nothing-to-accept = Модель { $model } не стала текущей, но принимать отдельные ответы бесполезно: дело не в них. Улучшите примеры, или пусть администратор переключит бота на неё.
    .command = Команда: merlin models promote { $model }
notice-held = { $title }: новая модель { $version } пока не отвечает людям. { $reason }.
    { $list }
    Если такие ответы годятся, примите их. Если нет, поправьте примеры, и следующая модель снова пройдёт сравнение. Администратор может переключить бота на { $version } и так.
notice-rejected = { $title }: коммит { $commit } не собран: { $reason }. Если модель уже есть, она продолжает отвечать.
notice-failed = { $title }: обучение { $job } не удалось: { $reason }
notice-rewritten = История репозитория переписана: с ветки { $count ->
    [one] ушёл { $count } коммит
    [few] ушли { $count } коммита
   *[many] ушло { $count } коммитов
  }, её вершина { $head }. Сборки и модели целы.
notice-repository =
    { $reason }
    Модели продолжают отвечать.
notice-no-branch = Репозиторий пуст, или такой ветки в нём нет: проверьте repository.branch в config.yaml. Модели продолжают отвечать.
chronicle-no-build = У набора { $dataset } в этой ветке нет ни одной сборки. Она появится после коммита с примерами без ошибок.
    .command = Итоги коммитов: merlin log
dataset-removed = Набор { $dataset } удалён из репозитория: собирать и обучать нечего. Чтобы вернуть его, сделайте коммит с его папкой
chronicle-none = Набор { $dataset }: коммит или сборка не найдены.
    .command = Что есть: merlin log
nothing-recorded = Записей пока нет: демон ещё не прочитал репозиторий. Если он не запущен, запустите его: merlin daemon
config-no-repository = в config.yaml не указан репозиторий (repository.url), а демону он нужен
proof-told = тест: верно { $right } из { $questions ->
        [one] { $questions } вопроса
       *[other] { $questions } вопросов
    }
proof-few = { proof-told }, этого мало, чтобы что-то доказать
proof-none = тестовых вопросов нет, ничего не доказано
notice-sunset = { $title }: базовую модель { $model } отключат { $date }, а с ней и обученную. Укажите в dataset.yaml другую, пока есть время.
notice-failing = Ошибка в Merlin: в процессе { $process } снова и снова не удаётся шаг «{ $step }» ({ $reason }). Пока ошибку не исправят, он не работает. Остальное работает. Подробности в журнале.
notice-disk = Сборку не записать: { $reason }. Ничего не потеряно. Когда место появится, работа продолжится автоматически.
notice-no-provider = { $title }: обучение { $job } идёт у провайдера «{ $provider }», которого больше нет в config.yaml. Верните его туда, иначе результат пропадёт.
notice-provider = Провайдер «{ $provider }» давно не отвечает: { $reason }. Merlin продолжает пробовать. Ничего не потеряно.
notice-forbidden = Провайдер «{ $provider }» не разрешает этой учётной записи обучать (обучение { $job } набора «{ $title }»: { $reason }). Больше Merlin там ничего не запустит. Когда провайдер разрешит, запустите обучение снова.
notice-gone = { $title }: у провайдера «{ $provider }» больше нет текущей модели { $version }. Пока отвечает запасная модель. Что делать: верните прежнюю модель или запустите обучение ещё раз.
notice-unapplied = { $title }: провайдер «{ $provider }» отвечает без обученных весов текущей модели { $version } ({ $reason }). Пока отвечает запасная модель. Что делать: последуйте совету или верните прежнюю модель.
notice-ratings = { $title }: { $count ->
    [one] люди оценили { $count } ответ, на котором ещё не училась ни одна модель
    [few] люди оценили { $count } ответа, на которых ещё не училась ни одна модель
   *[many] люди оценили { $count } ответов, на которых ещё не училась ни одна модель
  }: на этом уже можно обучать. Поставьте method: kto в recipe файла dataset.yaml. Если он там уже стоит, оценки возьмёт следующий коммит.
notice-status = { $title }: провайдер «{ $provider }» сообщает об обучении { $job } неизвестный статус «{ $status }». Merlin продолжает проверять. Если там обучение уже закончилось, остановите его.
notice-late = { $title }: обучение { $job } не завершилось за { $hours } ч (провайдер «{ $provider }», статус { $status }). Подождите или отмените его.
notice-left-out = { $title }: в коммите { $commit } обучать нечего. { $reason }
notice-findings = { $title }: в коммите { $commit } { $errors ->
    [one] { $errors } ошибка
    [few] { $errors } ошибки
   *[many] { $errors } ошибок
  }. Примеры без ошибок идут дальше. Первая ошибка: { $place }: { $reason }

# Итог коммита рядом с ним в хранилище
status-held = { $build } пока не обучается
status-built = { $build }: сборка готова и ждёт обучения
status-checked = { $build } не обучается: так попросили
status-training = { $build } обучается
status-gated = { $build } обучена, но не стала текущей
status-pinned = { $build } обучена, но ждёт открепления
status-serving = { $build } — текущая модель
status-superseded = его заменил более новый коммит
status-failed = { $build }: обучение не удалось
status-unchanged = обучать нечего
status-left_out = не обучается
status-rejected = не собран
status-removed = набор убран
forge-away = { $url } сейчас не принимает статусы коммитов: { $reason }
forge-denied = { $project }: хостинг git отвечает «{ $reason }». Проверьте, верны ли url и project в repository.statuses, действует ли токен и можно ли ему писать статусы коммитов
forge-refused = { $project }: хостинг git не принимает такой статус коммита: { $reason }
notice-forge = Коммиты больше не получают статусов: для { $project } хостинг git отвечает «{ $reason }». Проверьте, верны ли url и project в repository.statuses, действует ли токен и можно ли ему писать статусы коммитов. Это проверит merlin doctor. Остальное работает, а недостающие статусы отправятся потом.
job-event-created = Обучение создано
job-event-validating = Файлы проверяются
job-event-validated = Файлы проверены, обучение в очереди
job-event-started = Обучение началось
job-event-cancelled = Обучение отменено
job-event-checkpoint = Контрольная точка, шаг { $step }
job-event-model = Модель готова
job-event-succeeded = Обучение завершено
job-event-failed = Обучение не удалось: { $reason }
job-event-state = Состояние: { $state }
job-event-step = шаг { $step }
job-event-epoch = эпоха { $epoch }
test-plan = Обучаем: { $taught ->
        [one] { NUMBER($taught) } пример
        [few] { NUMBER($taught) } примера
       *[many] { NUMBER($taught) } примеров
    }. { $tests ->
        [0] { $disguised ->
            [0] Тестовых вопросов нет.
           *[other] Отложенных формулировок нет, поэтому тест задаёт { $disguised ->
                [one] { NUMBER($disguised) } вопрос из примеров, переписанный.
                [few] { NUMBER($disguised) } вопроса из примеров, переписанные.
               *[many] { NUMBER($disguised) } вопросов из примеров, переписанных.
            }
        }
        [one] Тест задаёт { NUMBER($tests) } другую формулировку{ test-plan-disguised }
        [few] Тест задаёт { NUMBER($tests) } другие формулировки{ test-plan-disguised }
       *[many] Тест задаёт { NUMBER($tests) } других формулировок{ test-plan-disguised }
    }
live-planned = {" "}{ $plan }{ $losses }
test-plan-disguised = { $disguised ->
        [0] .
        [one] {" "}и { NUMBER($disguised) } вопрос из примеров, переписанный.
        [few] {" "}и { NUMBER($disguised) } вопроса из примеров, переписанные.
       *[many] {" "}и { NUMBER($disguised) } вопросов из примеров, переписанных.
    }
