# merlin health, merlin doctor: what was found, and what to do about it
ill-silent = { $url } does not answer: { $reason }. Is it started? (merlin run)
ill-never = it was never started (merlin run)
ill-failing = its step "{ $step }" fails again and again by a bug of Merlin: { $reason }. The rest goes on; the log has the whole story, send it to whoever looks after Merlin
ill-still = no sign of life since { $at } (merlin run)
doctor-well = well
doctor-idle = not started yet
doctor-start = Nothing is missing. Start Merlin: merlin run
doctor-folder = { $folder }, { $free } GiB free
doctor-folder-closed = { $folder } cannot be written to: give it to the user that runs Merlin, or name another state_dir
doctor-folder-full = { $folder }: only { $free } MiB free, 1024 are needed; make room
doctor-database = { $dialect }, no damage found
doctor-database-new = not made yet: the first process to start makes it
doctor-git = { $path }
doctor-repository = { $url }, { $branch } at { $commit }
doctor-forge = the token reads the project { $project }
doctor-no-branch = { $url } has no branch { $branch }: commit something to it, or name another one in repository.branch
doctor-default = { $dataset }
doctor-no-default = the repository has no dataset { $dataset }, it has: { $known }. Name one of them in datasets.default
doctor-walls = the kernel keeps their reader from files and network
doctor-no-walls = this kernel has no filter of system calls (seccomp, on x86-64 or ARM64): only Python keeps the reader of people's documents from files and network, and a flaw in a parser could reach them. Run the bot on another system
doctor-telegram = the token is that of @{ $bot }
doctor-telegram-away = { $url } cannot be asked: { $reason }
doctor-provider =
    { $count ->
        [one] answers, lists { $count } model
       *[other] answers, lists { $count } models
    }
