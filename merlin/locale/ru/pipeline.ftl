# К чему привёл коммит и почему.
word-held = придержано
word-built = собрано
word-training = обучается
word-testing = проходит тест
word-gated = остановлено тестом
word-canary = отвечает части людей
word-serving = отвечает
word-served = отвечало раньше
log-served-until = отвечало до { $at }
word-superseded = заменено новым
word-failed = не удалось
word-unchanged = без изменений
word-rejected = отклонено
word-removed = удалено

verdict-rejected = { $errors ->
    [one] { $errors } ошибка
    [few] { $errors } ошибки
   *[many] { $errors } ошибок
  }, { $good ->
    [one] { $good } годный пример
    [few] { $good } годных примера
   *[many] { $good } годных примеров
  }
verdict-history = история ветки переписана
verdict-commit-unreadable = сам коммит не читается (автор, дата или сообщение); закоммитьте файлы ещё раз, и они соберутся

held-skip = в коммите сказано [skip train]
held-manual = ждёт запуска вручную (launch.mode: manual)
held-off = запуски выключены (launch.mode: off)
held-few-new = { $new ->
    [one] { $new } новый пример
    [few] { $new } новых примера
   *[many] { $new } новых примеров
  } из { $needed } нужных
held-quiet = ждёт { $seconds } с без новых коммитов
held-slots = ждёт, пока поставщик закончит другую работу
held-job-cap = работа может стоить { $price }, предел { $cap }
held-month-cap = работа может стоить { $price }; в этом месяце потрачено { $spent } из { $cap }
held-no-price = предел задан, но цены этой базовой модели нет в config.yaml
held-no-pairs = база { $model } не умеет учиться на парах (recipe.method: dpo): назовите в base_model языковую модель или поставьте method: supervised
held-beta = recipe.hyperparameters.beta есть только у method: dpo, а метод — { $method }: уберите beta или поставьте method: dpo
held-no-method = поставщик «{ $provider }» не предлагает метод { $method }: поставьте recipe.method: supervised или обучайте у другого
held-hyperparameters = поставщик «{ $provider }» не знает этих гиперпараметров: { $names }; он знает { $known }. Уберите их из recipe.hyperparameters
held-sunset = { $model } отключат { $date }: обученная на ней модель прожила бы дней: { $days }
held-dark = { $model } отключили { $date }: назовите другую base_model или обучите у другого поставщика: merlin migrate
held-forbidden = поставщик «{ $provider }» не разрешает этой учётной записи обучать; когда разрешит: merlin jobs launch { $dataset }
held-revoked = согласие на один из примеров отозвано; коммит, который его уберёт, соберётся заново
held-no-provider = в config.yaml нет поставщика «{ $provider }»

launch-already = эта сборка уже есть у работы { $job }
launch-full = у поставщика «{ $provider }» { $count ->
    [one] не кончена { $count } работа
    [few] не кончены { $count } работы
   *[many] не кончены { $count } работ
  }, разрешено { $limit }: запустите снова, когда одна закончится, или отмените одну
launch-moved-on = за это время всё изменилось; посмотрите ещё раз
launch-no-spec = настройки набора в этом коммите не читаются
migrate-form = «{ $said }» не называет базовую модель: напишите ПОСТАВЩИК/МОДЕЛЬ, например openai/gpt-4.1-mini-2025-04-14
migrate-training = обучение { $job } набора { $dataset } ещё идёт: дождитесь конца или остановите его: merlin jobs cancel { $job }
migrate-no-base = у поставщика «{ $provider }» в списке нет базовой модели { $model }: проверьте имя или укажите её цену в `prices` этого поставщика в config.yaml
build-none = у набора { $dataset } в этом коммите нет сборки: посмотрите `merlin log { $dataset }`
cancel-final = работа { $job } уже закончена
cancel-launching = работа { $job } как раз запускается; повторите через минуту
promote-not-good = модель { $model } не проверена и отвечать не может
promote-gone = у поставщика «{ $provider }» больше нет модели { $model }, отвечать она не может
promote-revoked = согласие на один из примеров модели { $model } отозвано, отвечать она не может
promote-raced = кто-то переключил модель раньше; посмотрите ещё раз
rollback-none = у набора { $dataset } раньше не отвечала никакая другая модель
serves-nothing = у набора { $dataset } пока не отвечает никакая модель

notice-serving = { $dataset }: теперь отвечает { $version } ({ $proof }).
gate-lost = { $version } неверно отвечает на { $wrong ->
        [one] { $wrong } тестовый вопрос, на который
        [few] { $wrong } тестовых вопроса, на которые
       *[many] { $wrong } тестовых вопросов, на которые
    } { $against } отвечает верно{ $refused ->
        [0] { "" }
        [one] , и ещё на { $refused } не отвечает
       *[other] , и ещё на { $refused } не отвечает
    }. Пока отвечает { $against }
gate-worse = { $version } не отвечает на { $refused ->
        [one] { $refused } тестовый вопрос, на который
        [few] { $refused } тестовых вопроса, на которые
       *[many] { $refused } тестовых вопросов, на которые
    } { $against } отвечает верно (всего вопросов: { $questions }). Это больше, чем объяснит случай. Пока отвечает { $against }
gate-floor = { $version } верно отвечает на { $right } из { $questions } тестовых вопросов, а dataset.yaml требует не меньше { $floor } % (gate.floor.right)
canary = { $version } отвечает { $share } % людей, остальным — { $against }. Всем она ответит, когда каждая из двух даст { $answers ->
        [one] { $answers } ответ
        [few] { $answers } ответа
       *[many] { $answers } ответов
    } и новая окажется не хуже
canary-worse = { $version } отвечала части людей и оказалась хуже: { $sign ->
        [failures] без её ответа осталось { $bad ->
            [one] { $bad } вопрос
            [few] { $bad } вопроса
           *[many] { $bad } вопросов
        } из { $of }
       *[dislikes] 👎 поставили { $bad ->
            [one] { $bad } человек
            [few] { $bad } человека
           *[many] { $bad } человек
        } на { $of ->
            [one] { $of } ответ
            [few] { $of } ответа
           *[many] { $of } ответов
        }
    }; у { $against } — { $serving_bad } из { $serving_of }. Всем снова отвечает { $against }
notice-canary = { $dataset }: { $version } теперь отвечает { $share } % людей, остальным — { $against }. Всем она ответит, когда каждая из двух даст { $answers ->
        [one] { $answers } ответ
        [few] { $answers } ответа
       *[many] { $answers } ответов
    } и новая окажется не хуже. Закончить проверку: merlin models promote { $version } или merlin models pin { $dataset }.
notice-canary-worse = { $dataset }: { $reason }. Что делать: улучшите примеры или всё же выпустите её: merlin models promote { $version }.
gate-wrong = ✗ { $question } → { $answer }
gate-refused = – { $question }
gate-more = … и ещё { $count }
gate-not-held = Тест не останавливал модель { $model }, принимать нечего. См. merlin models list
gate-nothing-to-accept = Модель { $model } остановлена не из-за отдельных вопросов, которые можно было бы принять. Улучшите примеры, или пусть администратор сделает её текущей: merlin models promote { $model }
notice-held = { $dataset }: новая модель { $version } пока не отвечает людям. { $reason }.
    { $list }
    Если такие ответы годятся, примите их; если нет, поправьте примеры, и следующая модель снова пройдёт сравнение. Администратор может сделать { $version } текущей и так.
notice-rejected = { $dataset }: коммит { $commit } не собран: { $reason }. Прежняя модель, если она была, отвечает дальше. Подробнее: merlin log { $dataset }
notice-failed = { $dataset }: работа { $job } не удалась: { $reason }
notice-rewritten = История репозитория переписана: с ветки { $count ->
    [one] ушёл { $count } коммит
    [few] ушли { $count } коммита
   *[many] ушло { $count } коммитов
  }, её вершина { $head }. Сборки и модели целы.
notice-repository = Репозиторий не читается: { $reason }. Модели продолжают отвечать.
notice-no-branch = В репозитории нет такой ветки (или он пуст). Модели продолжают отвечать.
chronicle-none = у набора { $dataset } нет такого коммита или сборки: посмотрите `merlin log`
nothing-recorded = Записей ещё нет: запустите демон (merlin daemon) и дождитесь, пока он прочитает репозиторий.
config-no-repository = в config.yaml не назван репозиторий (repository.url), а демону он нужен
proof-told = верно { $right } из { $questions } проверочных
proof-none = проверочных вопросов нет
notice-sunset = { $dataset }: базовую модель { $model } отключат { $date }, а с ней и обученную. Назовите в dataset.yaml другую, пока есть время.
notice-failing = Ошибка в Merlin: в процессе { $process } раз за разом падает шаг «{ $step }» ({ $reason }). Его дело стоит, пока её не исправят, остальное работает. Подробности в журнале.
notice-disk = Сборку не записать: { $reason }. Ничего не потеряно; как только место появится, всё пойдёт дальше само.
notice-no-provider = { $dataset }: работа { $job } идёт у поставщика «{ $provider }», которого больше нет в config.yaml. Верните его туда, иначе за ней никто не проследит.
notice-provider = Поставщик «{ $provider }» давно не делает своего дела: { $reason }. Merlin спрашивает снова и снова; ничего не потеряно.
notice-forbidden = Поставщик «{ $provider }» не разрешает этой учётной записи обучать (работа { $job } набора { $dataset }: { $reason }). Сам Merlin там больше ничего не запустит. Когда поставщик разрешит: merlin jobs launch { $dataset }
notice-gone = { $dataset }: у поставщика «{ $provider }» больше нет модели { $version }, а отвечать должна она. Бот отвечает по запасной цепочке. Что делать: merlin models rollback { $dataset } или обучить снова: merlin jobs launch { $dataset }
notice-status = { $dataset }: поставщик «{ $provider }» называет работу { $job } словом «{ $status }», которого Merlin не знает. Опрос продолжается.
notice-late = { $dataset }: работа { $job } не закончилась за { $hours } ч (поставщик «{ $provider }» отвечает: { $status }). Подождите или остановите её: merlin jobs cancel { $job }
notice-findings = { $dataset }: в коммите { $commit } { $errors ->
    [one] { $errors } ошибка
    [few] { $errors } ошибки
   *[many] { $errors } ошибок
  }; годные примеры идут дальше. Первая: { $place }: { $reason } Подробнее: merlin log { $dataset }

# Итог коммита рядом с ним в хранилище
status-held = { $build } пока не обучается
status-built = { $build }: сборка готова и ждёт обучения
status-training = { $build } обучается
status-canary = { $build } отвечает части людей
status-gated = { $build } обучена, но её остановил тест
status-serving = { $build } отвечает людям
status-superseded = его место занял более новый коммит
status-failed = { $build }: обучение не удалось
status-unchanged = то, чему учат, не изменилось
status-rejected = не собран
status-removed = набор убран
forge-away = { $url } сейчас не принимает статусы коммитов: { $reason }
forge-denied = { $project }: хранилище отвечает «{ $reason }». Проверьте, верны ли url и project в repository.statuses, действует ли токен и можно ли ему писать статусы коммитов
forge-refused = { $project }: хранилище не принимает такой статус коммита: { $reason }
notice-forge = У коммитов больше нет статусов: для { $project } хранилище отвечает «{ $reason }». Проверьте, верны ли url и project в repository.statuses, действует ли токен и можно ли ему писать статусы коммитов; это пробует merlin doctor. Остальное работает, а недосланное дойдёт потом.
