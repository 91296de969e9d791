# What is wrong with config.yaml
config-faults = { $faults }
config-fault =
    { $name ->
        [none] { $place }: { $what }
       *[other] { $place }: { $name }: { $what }
    }
config-no-yaml = { $place }: this is not YAML: { $reason }
config-no-utf8 = { $place }: this is not a text in UTF-8
config-unknown-key =
    { $near ->
        [none] nobody knows this key
       *[other] nobody knows this key; is { $near } meant?
    }
config-missing-key = the key { $name } is missing
config-wrong-type = { $found } stands where { $expected } is needed
config-kind-string = a text
config-kind-integer = a whole number
config-kind-number = a number
config-kind-boolean = true or false
config-kind-array = a list, as [a, b],
config-kind-object = a group of keys
config-kind-either = { $first } or { $second }
config-not-one-of = { $found } is none of: { $allowed }
config-too-little = { $found } is too little: at least { $limit }
config-not-more = { $found } is too little: more than { $limit }
config-too-much = { $found } is too much: { $limit } at the most
config-too-short = too short: { $limit } characters at least
config-too-long = too long: { $limit } characters at the most
config-too-few = too few entries: { $limit } at least
config-wrong-form = { $found } has not the right form, which is that of: { $example }
config-no-zone = { $zone } is no time zone; one is Europe/Moscow
config-no-provider = { $provider } is not one of providers
config-not-https = { $url } is not https, nor on this machine; inside a network of your own set allow_plain_http: true
config-open-repository = { $url } is neither https, ssh nor a local path
config-open-database = the server is not on this machine, so add sslmode=verify-full
config-base-own = this name is that of Merlin's own base; choose another
config-base-place = give either path (a folder or a .gguf file) or hub (owner/name)
config-no-llama = missing; the address of a llama.cpp server, or path of a .gguf file
config-no-backend = missing; the address of the { $backend } server
config-onnx-encodes = must be true with backend: onnx; such a file is read as a sentence encoder alone
config-no-cluster = missing; the address of the Ray cluster, or local
config-no-folder = missing: the folder of the cloud that this form needs (`folder: b1g…`)
config-no-forge = missing: url and project, which a repository on this machine does not tell
