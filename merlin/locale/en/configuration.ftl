# What is wrong with config.yaml
config-faults = { $faults }
config-fault =
    { $name ->
        [none] { $place }: { $what }
       *[other] { $place }: { $name }: { $what }
    }
config-proxy = The proxy from the environment (HTTPS_PROXY, HTTP_PROXY or ALL_PROXY) can't be used: { $reason }. Set the address of an HTTP proxy, or unset the variable
config-proxy-login = only the address of the proxy stands here. Put user:password into the secret { $name }
config-no-utf8 = this isn't a text in UTF-8
config-unknown-key =
    { $near ->
        [none] unknown key
       *[other] unknown key; did you mean { $near }?
    }
config-replaced = this key is gone; use { $instead }
config-missing-key = the key { $name } is missing
config-wrong-form = { $found } isn't valid; an example: { $example }
config-no-zone = unknown time zone { $zone }; for example: Europe/Moscow
config-no-encoder = no such file: { $path }
config-encoder-needs = not installed: { $packages }; run .venv/bin/pip install { $packages }
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
config-first-plan = everyone has the first plan, so it has no price or pack
config-no-shop = payments.yookassa is missing, which takes roubles
config-no-stars = is missing: Telegram's terms ask that digital goods sold elsewhere are sold for Stars too (or name the plan in payments.not_digital)
config-no-days = is missing: say for how long it is bought, or what pack it is
config-no-price = is missing: a pack is bought
config-pack-limits = a pack has no numbers a day
config-engine-open = without a key the engine may listen on 127.0.0.1 only, not on { $host }; set MERLIN_ENGINE_KEY
