# merlin health, merlin doctor: what was found, and what to do about it
health-good = { $process }: healthy
health-bad = { $process }: unhealthy: { $reason }
unhealthy-not-running = not running (merlin run, or as services: systemctl start merlin.target)
unhealthy-silent-for = no heartbeat for { $seconds } s: it was killed, hangs, or gets no processor time. Its log says more
unhealthy-silent = { $url } isn't responding: { $reason }. Is it running? (merlin run, or as services: systemctl start merlin.target)
unhealthy-other-installation = the Merlin that answers at { $url } is another installation, with another state folder. Stop it, or set another api.listen here
unhealthy-never-started = never started (merlin run, or as services: systemctl start merlin.target)
unhealthy-failing = its step “{ $step }” keeps failing because of a bug in Merlin: { $reason }. The rest works; send the log to the person who looks after Merlin
unhealthy-database = the database doesn't answer it or takes nothing from it
unhealthy-no-signal = no signal since { $at } (merlin run, or as services: systemctl start merlin.target)
doctor-row-file-system = file system
doctor-row-permissions = permissions
doctor-row-memory = memory
doctor-row-timezone = timezone
doctor-row-clock = clock
doctor-row-credentials = credentials
doctor-row-database = database
doctor-row-documents = documents
doctor-row-provider = provider
doctor-row-backup = backup
doctor-row-live-models = live models
doctor-row-sunset = sunset
doctor-row-queues = queues
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
doctor-repository-as-root = { $url }, { $branch } at { $commit }, read as root. To see whether Merlin's services can read it, run merlin doctor as the user { $user }
doctor-repository = { $url }, { $branch } at { $commit }
doctor-forge = the token reads the project { $project }
doctor-other-branches = { $url } has no branch { $branch }, but has { $branches }. Set one of them in repository.branch, or push { $branch }
doctor-no-branch = { $url } has no branch { $branch }: commit something to it, or set another one in repository.branch
doctor-default = { $dataset }
doctor-not-read = { $url }, { $branch }: { $reason }
doctor-no-default = the repository has no dataset { $dataset }, it has: { $known }. Set one of them in datasets.default
doctor-sandbox = the document reader has no access to files and network (kernel filter)
doctor-no-sandbox = this kernel has no filter of system calls (seccomp, on x86-64 or ARM64), so only Python keeps the document reader from files and network, and a flaw in a parser could reach them. Run the bot on another system
document-reader-fails = documents can't be read: { $path } doesn't start their reader ({ $reason }). Let the user that runs Merlin execute it and read the Python packages beside it
doctor-telegram = the token belongs to @{ $bot }
doctor-not-bot-api = the answer there isn't one of the Bot API. Check telegram.base_url
doctor-telegram-unreachable = { $url } can't be reached: { $reason }
doctor-provider =
    { $count ->
        [one] answers, lists { $count } model
       *[other] answers, lists { $count } models
    }
doctor-program = { $path }
doctor-no-inodes = { $folder }: free inodes on its disk: { $free }, 10000 are needed; delete small files, or move the folder to another disk (df -i)
doctor-remote-disk = { $folder } is on a network drive ({ $kind }), where SQLite and locks break. Set state_dir to a folder on a local disk
doctor-local-disk = on a disk of this machine
doctor-open-folder = other users can read { $folder }. Close it: chmod go= { $folder }
doctor-root-file = { $path } belongs to root, so Merlin may be unable to write it. Give it back: chown -R --reference={ $folder } { $folder }
doctor-closed-folder = other users can't read the state and the credentials
doctor-no-memory = only { $free } MiB of memory free. Stop other programs, add memory or raise the limit of the container or service, or the system will kill processes
doctor-memory = there is enough memory
doctor-no-zones = this machine knows no time zones. Install the package tzdata
doctor-zones = time zones are known
doctor-clock-off = the clock is off by { $seconds } seconds. Set it: timedatectl set-ntp true
doctor-clock-not-compared = nothing to compare it with: no server responds
doctor-clock = right within half a minute
doctor-port-used = { $name } itself listens there
listen-failed = can't listen at { $place }: { $reason }. Stop the program that holds it or set another { $setting }
doctor-port = { $place } is free
doctor-certificate-ends = the certificate { $path } expires on { $date }. Renew it and restart its process
doctor-certificate = { $path }, valid until { $date }
doctor-no-backup = never backed up. Now: merlin backup; each night: systemctl enable --now merlin-backup.timer. If another program makes them: backups: elsewhere in config.yaml
doctor-old-backup = the last backup is from { $date }. Now: merlin backup; why the nightly one fails: journalctl -u merlin-backup
doctor-backup-elsewhere = made by another program, as config.yaml says; check there when the last one was
doctor-backup = the last one is from { $date }
doctor-failed-units = systemd gave up on { $names }. Read why: journalctl -u NAME; then: systemctl reset-failed NAME, systemctl start NAME
doctor-masked-units = systemd may not start { $names }: masked. Allow it: systemctl unmask { $names }, then systemctl start { $names }
doctor-disabled-units = not started with the machine: { $names }. Turn it on: systemctl enable { $names }. If systemd doesn't know such a unit, install Merlin again
doctor-units = no unit has failed; Merlin starts with the machine
doctor-needs-credential = not checked: the secret { $name } isn't set, see credentials above
doctor-needs-folder = not checked: the state folder can't be used, see state_dir above
doctor-needs-database = not checked: the database can't be opened, see database above
doctor-credentials = every needed secret is set
doctor-no-text-key = stored texts are encrypted with a key that isn't here: { $keys }. Put it back into text.key or MERLIN_TEXT_KEY, from where you keep it
doctor-text-key = { $keys }; keep a copy of it apart from the backups
doctor-text-key-new = not created yet: the first process to need it creates it
doctor-no-base = the base model { $name } isn't at { $path }. Put it there or correct engine.models.{ $name }.path
doctor-bases = every base model is where it should be
doctor-push = the repository takes pushes
doctor-other-webhook = Telegram sends updates to { $url }, not to { $wanted }. Restart the bot: it sets the address
doctor-webhook-set = Telegram sends updates to { $url }, so this bot gets none. If this bot worked there in webhook mode, start it: it deletes its own webhook. If another program works there, stop it and call deleteWebhook, or give this bot a token of its own
doctor-webhook-fails = Telegram can't deliver updates to { $url }: { $reason }; waiting: { $waiting }. Check the address, its certificate and the proxy
doctor-webhook = updates arrive at { $url }
doctor-polling = the bot fetches updates itself
doctor-no-admins = no one gets notifications. Add your Telegram ID to telegram.admins
doctor-silent-admins = the bot can't write to these admins: { $ids }. They should send it /start
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
doctor-not-public = { $url } can't be reached from here: { $reason }. Check DNS, the proxy and its certificate
doctor-proxy-silent = { $url } shows /metrics to everyone: the proxy doesn't report the addresses of callers, so hooks without a secret accept anyone too. Let it send X-Forwarded-For
doctor-public = { $url } answers
doctor-model-not-found = the provider no longer has the live model of { $dataset }: merlin models rollback { $dataset }, or train it again: merlin jobs launch { $dataset }
doctor-live-models =
    { $count ->
        [0] no live model yet
        [one] { $count } live model, still at its provider
       *[other] { $count } live models, all still at their providers
    }
doctor-sunset = { $model } ({ $name }) will be shut down on { $date }. Name another base model in dataset.yaml in time, or another model in config.yaml
doctor-no-sunset = no model in use will be shut down within a month
doctor-budget-spent = the month's training budget at { $provider } is nearly spent. New jobs will wait; raise budget.per_month
doctor-budget = within the month's limit
doctor-queue-waits = { $queue ->
    [requests] tasks for the daemon
    [notices] notifications
    [updates] questions from Telegram
   *[letters] messages to Telegram
  } have been waiting for over 10 minutes: { $count }. See whether bot and daemon run: merlin status
doctor-queues = nothing has been waiting for long
