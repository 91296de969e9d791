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
build-not-again = { $name } can't be rebuilt: its commit now gives other files; commit the dataset again
build-no-commit = The mirror no longer has the commit of { $name }, so it can't be rebuilt to compare. Fetch it: merlin build { $dataset }
verify-same = { $build } is the same: commit { $commit } gives the files in its folder, byte for byte (sha256 { $digest }).
verify-missing = The folder of { $build } is missing; it is made again when it is needed. Commit { $commit } still gives the recorded bytes (sha256 { $digest }).
verify-different = { $build } differs from what commit { $commit } gives:
verify-digest = the commit now gives other files: sha256 { $made } instead of { $digest }; they also depend on Merlin's version and the limits of `models` in config.yaml
verify-file = { $file } is missing or has other bytes; delete the folder to have it made again when it is needed
did-diff-none = { $old } and { $new } have the same examples.
