account-no-user = человек с номером { $user } ещё ничего не писал
account-no-language = языка { $language } нет; есть ru и en
account-no-zone = часового пояса { $zone } нет; имя выглядит так: Europe/Moscow
account-count = { $shown } из { $count }
account-blocked = заблокирован
account-unreachable = недоступен
account-unlimited = без предела
account-day = в день
account-month = в месяц
account-did-role = { $user }: { $role }
account-did-block = { $user }: заблокирован, ответов больше не получит
account-did-unblock = { $user }: снова получает ответы
account-did-plan = { $user }: план { $plan }
account-did-gift =
    { $until ->
        [0] { $user }: подарено, { $format }: { $amount }
       *[other] { $user }: подарено, { $format }: { $amount }, до { $until }
    }
account-col-user = номер
account-col-name = имя
account-col-role = роль
account-col-plan = план
account-col-language = язык
account-col-note = заметка
account-col-zone = часовой пояс
account-col-format = вопросы
account-col-used = задано
account-col-limit = предел
account-col-gifts = подарено
account-col-resets = счёт заново
account-col-at = подарен
account-col-amount = сколько
account-col-until = до
account-col-by = кто
account-col-reason = почему
role-student = студент
role-teacher = преподаватель
role-editor = редактор
role-admin = администратор
role-scope = преподавателю нужен набор или курс (--scope), остальные роли действуют везде
role-config-admin = { $user } — администратор по настройкам (telegram.admins) и им остаётся
account-key-refused = ключу нужно хотя бы одно право и короткое имя; больше { $limit } ключей у одного человека быть не может
