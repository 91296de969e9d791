account-no-user = There's no user { $user }: they haven't written to the bot yet or have deleted their data
account-no-language = unknown language { $language }; choose ru or en
account-no-zone = unknown time zone { $zone }; try, for example, Europe/Moscow
account-count = { $shown } of { $count }
account-day = a day
account-month = a month
account-did-role = { $user }: { $role }
account-erase-sure = Delete everything stored about { $user } { $name } for good? A paid plan and extra questions are lost too.
account-erase-not-sure = Nothing was deleted. To skip this question: --yes
account-erase-waits = { $reason ->
    [my-data-renewal] { $user }: the bot is turning off auto-renewal in Stars. Repeat the command in a minute
    [my-data-refund] { $user }: the bot is refunding Stars. Repeat the command in a minute
   *[other] { $user }: an answer is on its way. Repeat the command in a minute
}
account-did-erase = { $user }: everything is deleted, records: { $rows }. { $models ->
    [none] Backups still have it
   *[other] Backups still have it. Models that learnt from their corrections: { $models }
}
account-did-plan = { $user }: plan { $plan }
account-col-user = user ID
account-col-name = name
account-col-role = role
account-col-plan = plan
account-col-language = language
account-col-note = note
role-student = student
role-teacher = teacher
role-editor = editor
role-admin = admin
role-scope = A teacher needs a dataset or course (--scope); the other roles apply everywhere
role-config-admin = { $user } is an admin set in config.yaml (telegram.admins); remove them there
account-key-refused = A key needs at least one permission and a short name; one person can have up to { $limit } keys
