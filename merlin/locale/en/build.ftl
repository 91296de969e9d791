# Builds
build-no-spec = The dataset { $dataset } is not built: dataset.yaml is missing or wrong.
build-too-few = The dataset { $dataset } is not built: good examples { $good }, at least { $fewest } are needed.
build-strict = The dataset { $dataset } is not built: { $rejected ->
        [one] { $rejected } example is
       *[other] { $rejected } examples are
    } rejected and it is strict (strict: true).
build-not-found = There is no build { $name }.
build-damaged = The build { $name } is damaged: its files differ from its manifest.
build-not-again = { $name } cannot be made again: its commit gives other files now; commit the dataset anew
