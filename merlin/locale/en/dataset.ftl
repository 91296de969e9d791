# Findings of the check. Key: finding-<rule>.

finding-too-large = The file is too large: { $size } bytes, the limit is { $limit }.
finding-not-utf8 = The file isn't UTF-8: byte { $byte }. Save it as UTF-8 (in Excel: “CSV UTF-8”).
finding-bom = The file starts with a byte order mark (BOM). Save it as UTF-8 without BOM.
finding-control-character = The character { $code } isn't allowed here: { $kind ->
        [line] it ends a line unseen. Put a space or a usual line break in its place
        [half] it's half of a character, often of an emoji that was cut. Type the character again
       *[control] it's an invisible control character. Delete it
    }.
finding-yaml-syntax = { $problem ->
        [conflict] Unresolved git conflict: keep one of the two texts and delete the lines with <<<<<<<, ======= and >>>>>>>.
        [quote] A quote opens here and is never closed. Close it at the end of the text, or delete it.
        [indent] This line's indentation doesn't match its neighbours. Align it with spaces.
        [hash] This line's indentation doesn't match its neighbours. Align it with spaces, or put the text with “#” above it in quotes.
        [tab] There's a tab here. Indent with spaces.
       *[other] This can't be read as YAML. Check that quotes and brackets are closed. Put a text with “: ”, “#” or a sign at its start in quotes, or write it with “|”.
    }
finding-wrong-space = { $kind ->
    [dash] The dash { $code } stands here, which YAML takes for a letter. Type a hyphen “-” in its place.
   *[space] The space { $code } stands here, which YAML takes for a letter. Type a usual space in its place.
}
finding-too-many-nodes = The file has too many parts: at most { $limit } are allowed.
finding-too-deep = Nested too deeply: at most { $limit } levels are allowed.
finding-empty-file = The file is empty.
finding-several-documents = The file holds several YAML documents, one is needed: remove the line “---”.
finding-alias = YAML aliases (*{ $name }) aren't allowed: write the text out.
finding-anchor = YAML anchors (&{ $name }) aren't allowed: write the text out.
finding-tag = YAML tags ({ $name }) aren't allowed.
finding-merge-key = The merge key “<<” isn't allowed.
finding-duplicate-key = The key “{ $name }” is already there in line { $first }.
finding-complex-key = A key must be a word, not a list or a map.

finding-unknown-key = { $name ->
    [canary] Trying a model on some people was removed: a new model goes live for everyone unless the gate holds it. Remove “canary”, set gate.
   *[other] Unknown key “{ $name }”.
}
finding-misspelt-key = Unknown key “{ $name }”; did you mean “{ $near }”?
finding-missing-key = The required key “{ $name }” is missing.
finding-missing-one-of = At least one of these keys is needed: { $keys }.
finding-wrong-type = Expected here: { $expected ->
        [string] text
        [integer] a whole number
        [number] a number
        [boolean] true or false
        [array] a list
       *[object] a map of “key: value”
    }, found: { $found ->
        [string] text
        [number] a number
        [boolean] true or false
        [array] a list
        [object] a map of “key: value”
       *[null] null
    }.
finding-not-one-of = Only { $allowed } can stand here, found: { $found }.
finding-too-small = The value { $found } is too small, the limit is { $limit }.
finding-too-big = The value { $found } is too large, the limit is { $limit }.
finding-too-short = The text is too short: at least { $limit } characters are needed.
finding-too-long = The text is too long: at most { $limit } characters are allowed.
finding-too-few-items = Too few parts in { $name }: the minimum is { $limit }.
finding-two-in-one = Two messages in one: start each with its own dash, “- user: …”, then “- assistant: …”.
finding-too-many-items = Too many parts in { $name }: at most { $limit } are allowed.
finding-same-items = The list { $name } repeats an item.
finding-wrong-form = “{ $found }” doesn't have the form that is needed here. The page on datasets says what each key is.
finding-wrong-value = The value { $found } isn't valid here.

finding-blank-text = Nothing can be seen of this text: it has only spaces or invisible characters. Write it, or remove the key.
finding-no-reason = Give a reason for turning the rule off: a reviewer will ask.
finding-no-rejected = The method is dpo, and this example has no answer under rejected: write the worse answer there, in the whole text of the example.
finding-same-rejected = The answer under rejected says the same as the last one: there's nothing to prefer.
finding-unused-rejected = The answer under rejected isn't used: only recipe.method dpo and kto train on worse answers.

finding-empty-content = Empty message: { $role ->
        [system] the system message
        [user] the question
        [assistant] the answer
       *[tool] the function's answer
    } has no text.
finding-system-not-first = A system message can only stand first.
finding-wrong-turn = Out of turn: { $expected } was expected, { $found } speaks.
finding-last-not-assistant = The assistant must speak last, not { $found }.
finding-tool-results = The results don't match the calls. Ids of the calls: { $calls }. Ids of the results: { $results }.
finding-missing-value = The whole text is “{ $found }”: programs write that where a value is missing. Write the text, or delete the example. If it is meant, write a sentence, or put it in `backticks`.
finding-unfilled-template = “{ $found }” is an empty place in a template. Write what belongs there. To write about templates, put it in `backticks`.
finding-masked-value = “{ $found }” stands in place of what was masked or never filled in. Write the real value, or reword the sentence. If it is meant, put it in `backticks`.
finding-tools-not-trained = The example declares or calls functions (tools): our engine doesn't train them, and this dataset is trained there.
finding-undeclared-function = The function { $name } is called but isn't declared in tools.
finding-tool-arguments = The arguments of { $name } must be a JSON object, found: { $found }.
finding-wrong-name = “{ $found }” isn't a name that providers accept: only Latin letters, digits, “_” and “-”.

finding-not-a-file = { $kind ->
    [link] A symbolic link instead of a file or folder: Merlin follows no links.
    [submodule] A git submodule instead of a file: put the files themselves here.
   *[other] This isn't a plain file.
}
finding-bad-name = A name has letters, digits, “.”, “_”, “-” in composed Unicode (NFC, not NFD) and ends in .yaml. A path has at most 1000 bytes, each name in it 200. Names of Windows devices, such as aux, aren't allowed. For example: { $proposed }
finding-stray-file = Merlin doesn't use this file.
finding-unread-document = This document isn't read: no text of a material was made from it. Give it to the course as a document.
finding-not-an-example = Not an example: examples end in .yaml. If this is a conversation, name it { $proposed }
finding-too-many-files = { $count ->
    [0] The dataset's folder has more than { $listed } files and folders, or their names are too long. None is read, so none is used.
   *[other] The dataset has { $count } examples with { $size } bytes. Allowed are { $limit } with { $most } bytes, so none is used.
}

finding-missing-dataset = dataset.yaml is missing, or the folder is a git submodule: the file says what to teach and how.
finding-bad-dataset-name = The folder name “{ $name }” isn't valid. Use letters, digits, “.”, “_” and “-” in composed Unicode (NFC, not NFD), and no Windows device such as con or aux. For example: { $proposed }
finding-user-in-link = This link has a name or a password before an @: everyone would see it, and the site is only what follows. Give the link without them.
finding-missing-text = Text { $text } not found: add a .md file in { $folder }.

finding-unreadable = The file's content couldn't be read: git doesn't have it, or keeps it in Git LFS.
finding-too-many-tokens = The example is longer than the base model allows: { $tokens } tokens, the limit is { $limit }.
finding-too-few-examples = Good examples: { $good }. Training needs at least { $fewest }.
finding-few-tests = Test examples: { $tests }. With fewer than { $least } the gate can't prove anything and stops no model.
finding-few-examples = Good examples: { $good }. We recommend at least { $advised } to start with.

finding-duplicate = The same is already said in { $other }: this file isn't used.
finding-leak = The same question is used for training in { $other }. This test would measure memory only. The file isn't used.
finding-contradiction = { $other } answers this question differently.

finding-secret = This looks like a key or password: the model would learn it and tell everyone.
finding-personal = { $kind ->
    [mail] { $found } looks like a person's e-mail address.
    [phone] { $found } looks like a person's phone number.
   *[address] { $found } looks like a person's address.
} Remove it, or allow it with a reason.
finding-bank-card = This looks like the number of a bank card: { $found }. Remove it, or allow it with a reason.
finding-passport = This looks like the number of a passport or another document: { $found }. Remove it, or allow it with a reason.
finding-snils = This looks like a SNILS: { $found }. Remove it, or allow it with a reason.
finding-refusal = The answer looks like another model's refusal: it would be learnt like knowledge.
finding-comment-in-text = This “#” starts a comment: the rest of the line is missing from the text. If it belongs to the text, put the text in quotes or write it with “|”.
finding-folded-lines = YAML joins the lines of this text with spaces, and here a line of code, of a list or of a table starts. To keep the line breaks, write the text with “|”.
finding-leftover = { $kind ->
    [masked] “{ $found }” stands in place of what was masked, and no one asks so. Reword the question without it.
    [excel] “{ $found }” is Excel's code for a line break. Delete it, or put a line break there.
    [escape] “{ $found }” was meant as a line break or a letter: a program encoded it twice. Put the real one there. To write about such codes, use `backticks`.
    [separator] “{ $found }” is a separator of an old training format, and the model would learn to write it. Delete it.
    [html] “{ $found }” is HTML, and students would see it as it stands. Write Markdown, or the character itself. To write about HTML, use `backticks`.
    [citation] “{ $found }” is a source mark of ChatGPT that leads nowhere. Delete it.
    [role] “{ $found }” starts with the name of a role. Delete it, and write each turn as a message of its own.
    [address] “{ $found }” leads to a file beside the text that isn't here. Write a full address, or describe the picture in words.
    [wiki] “{ $found }” is a link of a wiki, and students would see it as it stands. Write [text](address), or the text alone.
    [placeholder] “{ $found }” is a place that a program fills in, and students would see it as it stands. Write what stands there.
    [number] “{ $found }” is a long number that a table has shortened: its digits are lost. Type the number, and save the column as text.
    [calculation] “{ $found }” is a note of a set of exercises, and the model would learn to write it. Delete it.
    [speech] “{ $found }” is a note or a time of recognised speech. Delete it.
   *[encoding] “{ $found }” was read in a wrong encoding. Type the text again, or export it as UTF-8.
}
finding-control-token = “{ $found }” is a control token of models: our engine trains it as text, another provider may end the message there.
finding-replacement-character = U+FFFD stands here in place of a character that was lost in a wrong encoding. Type the character, or export the text again as UTF-8.
finding-reasoning = “{ $found }” marks a model's thoughts, and students would see them. Delete the tags and the thoughts.
finding-direction-mark = The invisible direction mark { $found }: what is read isn't what is written.
finding-invisible-letter = The invisible character { $found } in the text.
finding-near-duplicate = { $answers ->
    [differ] Nearly the same question is already in { $other }, with another answer.
   *[same] Nearly the same question is already in { $other }.
    }
finding-near-leak = Nearly the same question is used for training in { $other }. This test measures memory more than knowledge.

# The command check
check-summary = { $datasets ->
        [one] { $datasets } dataset
       *[other] { $datasets } datasets
    }, { $files ->
        [one] { $files } file
       *[other] { $files } files
    }, { $examples ->
        [one] { $examples } good example
       *[other] { $examples } good examples
    }; errors: { $errors }, notes: { $notes }
check-near = Nearest questions with different answers. Do they ask the same? If not, write `allow: {"{"}same-meaning: why{"}"}` in both.
check-near-pair = {"  "}{ $path }: “{ $question }” ~ { $other }: “{ $other_question }”
check-no-such-path = No such file or folder: { $path }
check-no-dataset = There's no dataset in “{ $path }”. A dataset is a folder with dataset.yaml and examples/. Make a repository with one: merlin init
