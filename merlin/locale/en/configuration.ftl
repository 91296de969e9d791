# What is wrong with config.yaml
config-faults = { $faults }
config-fault =
    { $name ->
        [none] { $place }: { $what }
       *[other] { $place }: { $name }: { $what }
    }
config-proxy = The proxy from the environment (HTTPS_PROXY, HTTP_PROXY or ALL_PROXY) can't be used: { $reason }. Set the address of an HTTP proxy, or unset the variable
config-no-utf8 = not UTF-8 text
config-unknown-key = { $near ->
    [none] unknown key. All keys: merlin schema config
   *[other] unknown key; did you mean { $near }?
}
config-missing-key = the key { $name } is missing
config-wrong-form = { $found } isn't valid; for example: { $example }
config-no-zone = unknown time zone { $zone }; for example: Europe/Moscow
config-encoder-needs = not installed: { $packages }; run .venv/bin/pip install { $packages }
config-no-provider = { $provider } isn't one of providers
config-no-plan = { $plan } isn't one of plans
config-provider-twice = { $provider } is there twice; give each its own name
config-not-https = { $url } is neither https nor on this machine; inside your own network set allow_plain_http: true
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
config-renews-pack = a pack can't renew: it's used up, not over
config-renews-no-stars = only Stars renew: set price.stars
config-renews-stars = Telegram takes { $limit } Stars at most for what renews
config-renews-days = must be 30: Telegram renews every 30 days and no other number
config-pack-limits = a pack can't have daily limits
config-login-in-url = { $name ->
    [none] give the address without a name or password
    [PGPASSWORD] give the address without the password, and put that into the secret PGPASSWORD
   *[other] give only the address here. Put user:password into the secret { $name }
}
config-no-port = a port is a number from 1 to 65535, not { $found }
config-no-variable = give the name of an environment variable here, for example OPENAI_API_KEY. The key itself doesn't belong into this file
config-empty-group = needs at least one of these keys: { $keys }
config-own-anchor = the anchor “{ $name }” contains itself (*{ $name }). Write the value out
config-same-port = { $found } is the address of both the api and the engine; give one of them another port
config-no-file = no such file: { $path }
config-no-home = no folder can be made in { $path }: name another one
config-no-card = there is no { $device } on this machine; `cpu` works everywhere
config-number-as-text = YAML reads { $found } as text; write { $written }
config-no-folder = no such folder: { $path }
