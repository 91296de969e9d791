# merlin recover

recover-progress = commits
recover-not-empty = This database already has jobs. Recover fills an empty one: stop Merlin, move the database away (keep it: conversations and payments are in it) and try again.
recover-later = This database started to follow the branch later than its notes. Stop Merlin, move the database away and try again.
recover-daemon = The daemon is running. Stop it, and try again.
recover-nothing = No notes of builds were found: nothing to recover. Notes are pushed where repository.push is on.
recover-done = Recovered. Start Merlin: it continues where it stopped. People, conversations, consents and payments come only from a backup.
recover-differing = { $count ->
    [one] One build
   *[other] { $count } builds
  } came out with other bytes, because this release builds otherwise; not recovered: { $names }
recover-lost = { $count ->
    [one] One job is
   *[other] { $count } jobs are
  } no longer known to the provider, models included: { $names }
col-builds = builds
col-jobs = jobs
col-models = models
col-pinned = pinned
