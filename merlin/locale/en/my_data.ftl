bot-command-export = my data as a file
bot-command-delete_me = delete all my data

my-data-export = Everything I store about you: questions and answers, ratings, corrections, settings and records. To delete it: /delete_me.
my-data-delete = Delete everything I store about you?

    { $rows }

    Your corrections that editors accepted as examples will be removed too. A fingerprint without a name stays, with your number of questions for the day or month. This way deleting gives no new free questions. A block stays, too.
my-data-delete-yes = Yes, delete
my-data-delete-confirm = Delete for good? Conversations and settings can't be restored: if you need them, download the file first, /export. A paid plan and extra questions are lost too.
my-data-delete-confirm-yes = Delete for good
my-data-deleted = { $count ->
    [0] Nothing about you is stored now.
   *[other] Everything is deleted. Records removed:

    { $rows }

    If you write again, we'll start fresh.
}
my-data-renewal = Auto-renewal in Stars is being turned off in Telegram first, so that you aren't charged again. Please try again in a minute.
my-data-refund = Stars are being refunded to you. Please try again in a minute.
my-data-answering = An answer to you is on its way. Please wait for it and try again.
my-data-kind = { $kind ->
    [turn] questions with answers
    [chat_session] conversations
    [rating] ratings
    [proposal] corrections
    [favourite] courses in “My courses”
    [consent] consents
    [quota_use] counted questions
    [question_pack] question packs
    [plan_term] plans
    [role_grant] rights
    [change] edits of examples
    [api_key] API keys
    [sign_in] sign-ins in browsers
   *[other] records
}

key-col-key = key
key-col-state = state
key-col-sealed = texts
key-state-seals = encrypts
key-state-opens = decrypts older texts
key-state-missing = lost
key-progress = Re-encrypted: { $done } of { $total }.
key-rotated = Texts are now encrypted with the key { $name }. { $unreadable ->
    [0] Store a copy of it, apart from the backups. Earlier backups need the older keys: keep copies of those keys as long as these backups.
    [one] { $unreadable } text couldn't be decrypted: its key isn't here.
   *[other] { $unreadable } texts couldn't be decrypted: their keys aren't here.
}
key-other-owner = { $name } belongs to another system user: run the command as its owner (uid { $user }), or as root.
key-nothing = Everything is already encrypted with the first key of { $name }. To change the key, put a new one before the old one (separated by a comma) and repeat the command.
