# What is wrong with config.yaml
config-faults = { $faults }
config-fault =
    { $name ->
        [none] { $place }: { $what }
       *[other] { $place }: { $name }: { $what }
    }
config-proxy = The proxy from the environment (HTTPS_PROXY, HTTP_PROXY or ALL_PROXY) can't be used: { $reason }. Set the address of an HTTP proxy, or unset the variable
config-proxy-login = give only the address of the proxy here. Put user:password into the secret { $name }
config-no-utf8 = not UTF-8 text
config-unknown-key = unknown key. All keys: merlin config sample
config-missing-key = the key { $name } is missing
config-wrong-form = { $found } isn't valid; for example: { $example }
config-no-zone = unknown time zone { $zone }; for example: Europe/Moscow
config-no-encoder = no such file: { $path }
config-encoder-needs = not installed: { $packages }; run .venv/bin/pip install { $packages }
config-no-provider = { $provider } isn't one of providers
config-provider-twice = { $provider } is there twice; give each its own name
config-not-https = { $url } is neither https nor on this machine; inside your own network set allow_plain_http: true
config-open-repository = { $url } is neither https, ssh nor a local path
config-open-database = the server isn't on this machine, so add sslmode=verify-full
config-database-url = not an address of PostgreSQL ({ $reason }); for example: postgresql://merlin@db.example.com/merlin?sslmode=verify-full
config-base-own = this name belongs to Merlin's own base model; choose another
config-base-place = give either path (a folder) or hub (owner/name)
config-no-forge = set url and project: the path of a local repository doesn't give them
config-no-network = { $found } is neither an address nor a network
config-no-kopecks = { $found } isn't a whole number of kopecks
config-no-public-url = needs api.public_url: people come back there after paying
config-first-plan = everyone has the first plan, so it can't have a price or be a pack
config-no-shop = needs payments.yookassa, which takes roubles
config-no-stars = needs a price in Stars: Telegram requires one for digital goods sold elsewhere (or name the plan in payments.not_digital)
config-no-days = needs days (for how long it's bought) or pack (what's in it)
config-no-price = a pack needs a price
config-pack-limits = a pack can't have daily limits
