# merlin health, merlin doctor: what was found, and what to do about it
ill-silent = { $url } isn't responding: { $reason }. Is it running? (merlin run)
ill-never = never started (merlin run)
ill-failing = its step “{ $step }” keeps failing because of a bug in Merlin: { $reason }. The rest works; send the log to the person who looks after Merlin
ill-still = no signal since { $at } (merlin run)
doctor-well = healthy
doctor-idle = not started yet
doctor-start = Everything is in place. Start Merlin: merlin run
doctor-folder = { $folder }, { $free } GiB free
doctor-folder-closed = { $folder } isn't writable: give it to the user that runs Merlin, or set another state_dir
doctor-folder-full = { $folder }: only { $free } MiB free, 1024 are needed; free some space
doctor-database = { $dialect }, no damage found
doctor-database-new = not created yet: the first process to start creates it
doctor-git = { $path }
doctor-repository = { $url }, { $branch } at { $commit }
doctor-forge = the token reads the project { $project }
doctor-no-branch = { $url } has no branch { $branch }: commit something to it, or set another one in repository.branch
doctor-default = { $dataset }
doctor-no-default = the repository has no dataset { $dataset }, it has: { $known }. Set one of them in datasets.default
doctor-walls = the document reader has no access to files and network (kernel filter)
doctor-no-walls = this kernel has no filter of system calls (seccomp, on x86-64 or ARM64), so only Python keeps the document reader from files and network, and a flaw in a parser could reach them. Run the bot on another system
doctor-telegram = the token belongs to @{ $bot }
doctor-telegram-away = { $url } can't be reached: { $reason }
doctor-provider =
    { $count ->
        [one] answers, lists { $count } model
       *[other] answers, lists { $count } models
    }
