account-no-user = Пользователя { $user } здесь нет: он ещё не писал боту или удалил свои данные
account-no-language = неизвестный язык { $language }; выберите ru или en
account-no-zone = неизвестный часовой пояс { $zone }; например: Europe/Moscow
account-count = { $shown } из { $count }
account-day = в день
account-month = в месяц
account-did-role = { $user }: { $role }
account-erase-sure = Удалить навсегда всё, что хранится о { $user } { $name }? Оплаченный тариф и вопросы сверх тарифа пропадут.
account-erase-not-sure = Ничего не удалено. Чтобы не спрашивать: --yes
account-erase-waits = { $reason ->
    [my-data-renewal] { $user }: бот отключает автопродление за звёзды. Повторите команду через минуту
    [my-data-refund] { $user }: бот возвращает звёзды. Повторите команду через минуту
   *[other] { $user }: готовится ответ. Повторите команду через минуту
}
account-did-erase = { $user }: всё удалено, записей было { $rows }. { $models ->
    [none] В резервных копиях данные остались
   *[other] В резервных копиях данные остались. Модели, которых учили на исправлениях этого человека: { $models }
}
account-did-plan = { $user }: тариф { $plan }
account-col-user = ID
account-col-name = имя
account-col-role = роль
account-col-plan = тариф
account-col-language = язык
account-col-note = заметка
role-student = студент
role-teacher = преподаватель
role-editor = редактор
role-admin = администратор
role-scope = Преподавателю нужен набор или курс (--scope); остальные роли действуют везде
role-config-admin = { $user } — администратор из config.yaml (telegram.admins); снять роль можно только там
account-key-refused = Ключу нужно хотя бы одно право и короткое имя; у одного человека может быть не больше { $limit } ключей
