# merlin health, merlin doctor: what was found, and what to do about it
health-good = { $process }: healthy
health-bad = { $process }: unhealthy: { $reason }
unhealthy-not-running = not running (merlin run, or as services: systemctl start merlin.target)
unhealthy-silent-for = no heartbeat for { $seconds } s: it was killed, hangs, or gets no processor time. Its log says more
unhealthy-sign-ahead = its last heartbeat is { $seconds } s ahead of the clock: the clock was set back, and it has been silent since. Its log says more
unhealthy-silent = { $url } isn't responding: { $reason }. Is it running? (merlin run, or as services: systemctl start merlin.target)
unhealthy-other-installation = the Merlin that answers at { $url } is another installation, with another state folder. Stop it, or set another { $setting } here
unhealthy-never-started = never started (merlin run, or as services: systemctl start merlin.target)
unhealthy-failing = its step “{ $step }” keeps failing because of a bug in Merlin: { $reason }. The rest works; send the log to the person who looks after Merlin
unhealthy-database = the database doesn't answer it or takes nothing from it
unhealthy-no-signal = no signal since { $at } (merlin run, or as services: systemctl start merlin.target)
doctor-row-file-system = file system
doctor-row-document-reader = document reader
doctor-row-credentials = credentials
doctor-row-secrets = files of secrets
doctor-row-not-known = not known
doctor-row-database = database
doctor-row-provider = provider
doctor-pooler = A pooler in transaction or statement mode sits in front of PostgreSQL: locks and notifications are lost there, so two daemons could lead. Set pool_mode = session in it, and a default_pool_size for all of Merlin's connections, or name the server itself in database
doctor-connections = { $used } of { $limit } connections in use
doctor-few-connections = { $used } of { $limit } connections in use: raise max_connections in postgresql.conf
doctor-healthy = healthy
doctor-progress = checks
doctor-idle = not started yet
doctor-start = Everything is in place. Start Merlin: merlin run; as services: systemctl enable --now merlin.target
doctor-folder = { $folder }, { $free } GiB free
doctor-folder-closed = { $folder } isn't writable: give it to the user that runs Merlin, or set another state_dir
doctor-folder-full = { $folder }: only { $free } MiB free, 1024 are needed; free some space
doctor-database = { $dialect }, no damage found
doctor-database-new = not created yet: the first process to start creates it
doctor-repository = { $url }, { $branch } at { $commit }
doctor-forge = the token reads the project { $project }
doctor-no-branch = { $url } has no branch { $branch }: commit something to it, or set another one in repository.branch
doctor-not-read = { $url }, { $branch }: { $reason }
doctor-telegram = the token belongs to @{ $bot }
doctor-telegram-blocked = { $url } can't be reached ({ $reason }), while { $other } can: Telegram is blocked in this network. Set telegram.proxy. The chat on the site works meanwhile, and messages wait
doctor-telegram-unreachable = { $url } can't be reached: { $reason }. If other sites open from this machine, Telegram is blocked: set telegram.proxy. If none does, check the network
doctor-telegram-busy = { $url } answers too slowly, but this machine is busy, which alone can be the reason. Try again when it's idle. If it's as slow then, Telegram is slowed down in this network: set telegram.proxy
doctor-telegram-slow = { $url } answers too slowly: Telegram is slowed down in this network. Set telegram.proxy, or name a faster proxy there
doctor-telegram-fails = { $url } doesn't answer as the Bot API does: { $reason }. Check telegram.base_url. If connections keep breaking off, set telegram.proxy
doctor-proxy-down = the proxy { $proxy } can't be reached: { $reason }. Start it, or name another one in telegram.proxy
doctor-proxy-login = the proxy { $proxy } rejects the login. Check the secret { $name }: it is user:password
doctor-proxy-blocked = the proxy { $proxy } works, but doesn't reach { $url }: { $reason }. Allow it there, or name another proxy in telegram.proxy
doctor-provider =
    { $count ->
        [one] answers, lists { $count } model
       *[other] answers, lists { $count } models
    }
doctor-remote-disk = { $folder } is on a network drive ({ $kind }), where SQLite and locks break. Set state_dir to a folder on a local disk
doctor-local-disk = on a disk of this machine
doctor-reader-confined = reading documents is isolated: the kernel refuses its process everything else
doctor-reader-limited = without the kernel's filter of system calls: a document that takes it over could delete files of Merlin and read its memory. Install libseccomp2 (Alpine: libseccomp), or allow seccomp in the container
doctor-port-used = { $name } itself listens there
listen-failed = can't listen at { $place }: { $reason }. Stop the program that holds it or set another { $setting }
doctor-port = { $place } is free
doctor-tls = valid until { $at }
doctor-tls-ended = the certificate { $path } ended at { $at }. Renew it, and start the server again
doctor-bases = { $names } can be used
doctor-no-vllm = there's no program { $command }. Install vLLM into an environment of its own: python3 -m venv vllm, then vllm/bin/pip install vllm. Name vllm/bin/vllm in engine.answering.vllm_command
doctor-vllm = { $command }
doctor-mirror-none = not fetched yet: the daemon does it
doctor-mirror = readable, { $count ->
        [one] { $count } dataset
       *[other] { $count } datasets
    }
doctor-config = no errors
doctor-secrets = no one else may read them
doctor-open-secrets = everyone on this machine may read secrets: chmod o= { $paths }
doctor-not-known = { $names }: only the database tells, see above
doctor-credentials = every needed secret is set
doctor-no-text-key = stored texts are encrypted with a key that isn't here: { $keys }. Put it back into text.key or MERLIN_TEXT_KEY, from where you keep it
doctor-text-key = { $keys }; keep a copy of it apart from the backups
doctor-text-key-new = not created yet: the first process to need it creates it
doctor-other-webhook = Telegram sends updates to { $url }, not to { $wanted }. Restart the bot: it sets the address
doctor-webhook-set = Telegram sends updates to { $url }, so this bot gets none. If this bot worked there in webhook mode, start it: it deletes its own webhook. If another program works there, stop it and call deleteWebhook, or give this bot a token of its own
doctor-webhook-fails = Telegram can't deliver updates to { $url }: { $reason }; waiting: { $waiting }. Check the address, its certificate and the proxy
doctor-webhook = updates arrive at { $url }
doctor-polling = the bot fetches updates itself
doctor-no-admins = no one gets notifications. Add your Telegram ID to telegram.admins
doctor-admins =
    { $count ->
        [one] { $count } admin gets notifications
       *[other] { $count } admins get notifications
    }
doctor-no-model = the provider { $provider } doesn't list { $model }. Name another one in config.yaml
doctor-model = { $model } of { $provider }
doctor-shop-unreachable = YooKassa doesn't answer at { $url }. Check the network and the proxy, then try again
doctor-shop-fails = { $url } answers, but not as YooKassa does ({ $code }). Check payments.yookassa.base_url and the proxy; if both are right, try again later
doctor-no-shop = YooKassa rejects the credentials: { $reason }. Check YOOKASSA_SHOP_ID and YOOKASSA_SECRET_KEY
doctor-shop = answers
