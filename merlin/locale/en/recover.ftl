# merlin recover

recover-progress = commits
recover-not-empty = This database has jobs already. Recover fills an empty one: stop Merlin, set the database aside (keep it for what people said and paid), and try again.
recover-later = This database began to follow the branch later than its notes. Stop Merlin, set the database aside, and try again.
recover-daemon = The daemon is running. Stop it, and try again.
recover-nothing = No notes of builds were found: nothing to recover. Notes are pushed where repository.push is on.
recover-done = Recovered. Start Merlin: it goes on with what was under way. People, chats, consents and payments come from a backup alone.
recover-differing = { $count ->
    [one] One build
   *[other] { $count } builds
  } came out with other bytes, because this release builds otherwise; not recovered: { $names }
recover-lost = { $count ->
    [one] One job is
   *[other] { $count } jobs are
  } unknown to the provider by now, models included: { $names }
col-builds = builds
col-jobs = jobs
col-models = models
col-pinned = pinned
