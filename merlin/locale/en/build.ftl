# Builds
build-no-spec = The dataset { $dataset } isn't built: dataset.yaml is missing or has an error.
build-too-few = The dataset { $dataset } isn't built: it has { $good ->
        [one] { $good } good example
       *[other] { $good } good examples
    }, at least { $fewest } are needed.
build-strict = The dataset { $dataset } isn't built: { $rejected ->
        [one] { $rejected } example is
       *[other] { $rejected } examples are
    } rejected and it's strict (strict: true).
build-not-found = Build { $name } not found.
    .command = All builds: merlin builds
build-damaged = The build { $name } is damaged: its files differ from its manifest.
build-not-again = { $name } can't be rebuilt, because its commit now gives other files. Commit the dataset again
did-diff-none = { $old } and { $new } have the same examples.
