# What is wrong with config.yaml
config-faults = { $faults }
config-fault =
    { $name ->
        [none] { $place }: { $what }
       *[other] { $place }: { $name }: { $what }
    }
config-proxy = The proxy from the environment (HTTPS_PROXY, HTTP_PROXY or ALL_PROXY) can't be used: { $reason }. Set the address of an HTTP proxy, or unset the variable
config-no-value = { $value } isn't a possible date or number
config-no-utf8 = this isn't a text in UTF-8
config-unknown-key =
    { $near ->
        [none] unknown key
       *[other] unknown key; did you mean { $near }?
    }
# Keys of features that are gone: what to do instead
config-removed-constant = this is fixed now; remove the key
config-removed-credential = the credential has one name now, which the page Configure gives; remove the key
config-removed-hooks = the git hook has a secret where MERLIN_GIT_HOOK_SECRET is set; remove the key
config-removed-licence = the licence is shown nowhere; remove the key
config-removed-own-price = a price and a shut-down date stand under models; remove the key
config-removed-presets = the presets are translator, summary and voice; people write other instructions with /system; remove the key
config-removed-connections = Merlin no longer counts connections by address: put Caddy or another proxy in front, and remove this key
config-removed-limits = the sizes of files are fixed: 20 MB for documents and voice, 10 MB for photos; write the seconds of a voice message as chat.voice_s
config-removed-hearing = the engine no longer transcribes; add a server with /v1/audio/transcriptions to providers, name it in chat.transcription, and remove this key
config-removed-invitation = rewards for invited people were removed; remove this key
config-removed-renewal = automatic renewal was removed: the bot reminds people three days before a plan ends; remove this key
config-removed-openid = OpenID Connect was removed: people sign in by the bot, inside Telegram or by password; delete this key
config-removed-form = the forms of Mistral and of Yandex Cloud were removed: take a provider of the OpenAI protocol, and remove this key
config-removed-person-cap = the cost of answers is limited for all together (per_day); limit a person by the questions of a plan, and remove this key
config-removed-plan-room = plans limit questions, not conversations; models.*.context limits their length, retention.turns_days how long they are kept
config-removed-trial = free trials were removed: give the plan with merlin users plan, and remove this key
config-removed-security = the approval of actions by a second admin was removed: one admin is enough, and the activity log names who it was; remove this key
config-removed-at-once = the engine answers one question after another; remove this key, and for many people set engine.serving: vllm
config-removed-backend = the engine starts vLLM itself; remove this key and set engine.serving: vllm
config-removed-cluster = a job runs on one machine; remove this key, and name several of its GPUs in engine.training.devices
config-removed-quota = the engine keeps three checkpoints of a job; remove this key, and delete models with retention.models_days
config-removed-webhooks = the engine no longer sends webhooks; remove this key: the daemon asks for its jobs by itself
config-removed-embeddings = the engine no longer gives embeddings or trains on another encoder; take recall, whose encoder is built in, and remove this key
config-removed-tracing = traces were removed: look at the metrics and the log, and remove this key
config-removed-gguf = the engine no longer reads .gguf files; give a folder with .safetensors, or the model's name at the hub (hub)
config-missing-key = the key { $name } is missing
config-wrong-type = expected { $expected }, got { $found }
config-kind-string = a text
config-kind-integer = a whole number
config-kind-number = a number
config-kind-boolean = true or false
config-kind-array = a list such as [a, b]
config-kind-object = a group of keys
config-kind-either = { $first } or { $second }
config-not-one-of = { $found } isn't valid; choose one of: { $allowed }
config-too-little = { $found } is too small: at least { $limit }
config-not-more = { $found } is too small: more than { $limit }
config-too-much = { $found } is too large: at most { $limit }
config-too-short = too short: at least { $limit } characters
config-too-long = too long: at most { $limit } characters
config-too-few = too few entries: at least { $limit }
config-wrong-form = { $found } isn't valid; an example: { $example }
config-no-zone = unknown time zone { $zone }; for example: Europe/Moscow
config-no-provider = { $provider } isn't one of providers
config-provider-twice = { $provider } is there twice; give each its own name
config-not-https = { $url } is neither https nor on this machine; inside your own network set allow_plain_http: true
config-open-repository = { $url } is neither https, ssh nor a local path
config-open-database = the server isn't on this machine, so add sslmode=verify-full
config-database-url = this is no address of PostgreSQL ({ $reason }); an example: postgresql://merlin@db.example.com/merlin?sslmode=verify-full
config-base-own = this name belongs to Merlin's own base model; choose another
config-base-place = give either path (a folder) or hub (owner/name)
config-no-forge = missing: url and project, which a repository on this machine doesn't tell
config-no-network = { $found } is neither an address nor a network
config-no-kopecks = { $found } is no whole number of kopecks
config-no-public-url = needs api.public_url, to which people come back
config-first-plan = everyone has the first plan, so it has no price, pack or courses
config-no-shop = payments.yookassa is missing, which takes roubles
config-no-stars = is missing: Telegram's terms ask that digital goods sold elsewhere are sold for Stars too (or name the plan in payments.not_digital)
config-no-days = is missing: say for how long it is bought, or what pack it is
config-no-price = is missing: a pack is bought
config-pack-limits = a pack has no numbers a day and no courses of its own
config-engine-open = without a key the engine may listen on 127.0.0.1 only, not on { $host }; set MERLIN_ENGINE_KEY
