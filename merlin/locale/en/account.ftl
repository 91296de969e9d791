account-no-user = nobody with the id { $user } has written yet
account-no-language = there is no language { $language }; there are ru and en
account-no-zone = there is no time zone { $zone }; a name looks like Europe/Moscow
account-count = { $shown } of { $count }
account-blocked = blocked
account-unreachable = cannot be reached
account-unlimited = not limited
account-day = a day
account-month = a month
account-did-role = { $user }: { $role }
account-did-block = { $user } is blocked: nothing is answered any more
account-did-unblock = { $user } is answered again
account-did-plan = { $user } has the plan { $plan }
account-did-gift =
    { $until ->
        [0] { $user } was given { $format }: { $amount }
       *[other] { $user } was given { $format }: { $amount }, until { $until }
    }
account-col-user = user
account-col-name = name
account-col-role = role
account-col-plan = plan
account-col-language = language
account-col-note = note
account-col-zone = time zone
account-col-format = questions
account-col-used = used
account-col-limit = limit
account-col-gifts = gifts
account-col-resets = counts anew at
account-col-at = given
account-col-amount = amount
account-col-until = until
account-col-by = by
account-col-reason = why
role-student = student
role-teacher = teacher
role-editor = editor
role-admin = admin
role-scope = a teacher needs a dataset or course (--scope), every other role counts everywhere
role-config-admin = { $user } is an admin by the configuration (telegram.admins) and stays one
account-key-refused = a key needs a scope at least and a short name; nobody can have more than { $limit } keys
