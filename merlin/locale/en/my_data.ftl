bot-command-export = my data as a file
bot-command-delete_me = delete all my data

my-data-private = This is personal, so let us do it in our private chat: write the same command to me there.
my-data-export = Here is everything that I keep of you: questions and answers, ratings, corrections, settings and records. To delete it: /delete_me.
my-data-delete =
    Delete everything that I keep of you?

    { $rows }

    What you proposed and editors took as examples will be removed as well. One thing stays: a fingerprint without a name and the number of questions of the day or month, so that deleting gives no new free questions. A block, if there is one, stays too.
my-data-go-on = Yes, delete
my-data-surely = Surely delete? Conversations and settings cannot be brought back. If you need them, take the file first: /export.
my-data-sure = Delete for good
my-data-deleted = { $count ->
    [0] Done: nothing is kept of you any more.
   *[other] Done, everything is deleted. There were:

    { $rows }

    If you write again, we begin anew.
}
my-data-kind = { $kind ->
    [turn] questions with answers
    [chat_session] conversations
    [rating] ratings
    [proposal] corrections
    [preset] own presets
    [consent] consents
    [quota_use] counted questions
    [quota_gift] gifts
    [role_grant] rights
    [change] edits of examples
   *[other] records
}

key-col-key = Key
key-col-state = What it does
key-col-sealed = Texts
key-state-seals = seals
key-state-opens = opens older texts
key-state-missing = lost
key-progress = Sealed anew: { $done } of { $total }.
key-rotated = Done, texts are sealed by the key { $name }. { $unreadable ->
    [0] Older keys are not needed any more; keep the new one with your backups.
    [one] { $unreadable } text did not open: its key is not here.
   *[other] { $unreadable } texts did not open: their keys are not here.
}
key-seals-other = These processes do not seal by the first key of { $name }: { $processes }. Nothing was changed. Restart them and repeat the command; where they are given MERLIN_TEXT_KEY, the command needs it too.
key-not-read = These processes have not read the new key: { $processes }. Nothing was changed. They must be able to read { $name }; their log says why they cannot.
key-not-sealing = These processes do not seal by the new key yet: { $processes }. Both keys stay in { $name }, and every text can be read: repeat the command.
key-other-owner = { $name } is not yours to change: give the command as its owner (user number { $user }), or as root.
key-nothing = Everything is sealed by the first key of { $name } already. To change the key, put a new one before the old one (with a comma), restart Merlin, and repeat the command.
