# How edits become commits, and what editors and admins hear of them.
notice-change-committed = Saved: { $subject } (commit { $commit }). You will hear what it led to.
notice-change-conflict = { $path } was changed by somebody else meanwhile; nothing was saved, and your edit is kept.
    Yours:
    { $ours }

    Theirs:
    { $theirs }
notice-change-refused = Not saved: { $subject }: { $reason }
notice-change-waits = Edits cannot be pushed to the repository: { $reason } They wait, and are tried again.
notice-change-parked = The repository refused your edit “{ $subject }”, and it is put aside; nothing is lost. { $reason } Mend what it says, then try again under “Changes”.
notice-change-parked-of = The repository refused the edit “{ $subject }” of { $by }, and it is put aside. { $reason } To try it again: merlin example retry { $change }
notice-change-serving = { $subject }: { $version } answers now{ $score }.
notice-change-rejected = { $subject }: { $dataset } could not be built.
notice-change-rejected-why = { $subject }: { $dataset } could not be built: { $reason }
notice-change-superseded = { $subject }: a newer commit came before this one was trained; its model learns this edit too.
notice-change-superseded-why = { $subject }: not trained: { $reason }
notice-change-failed = { $subject }: the training of { $version } failed. The model before goes on answering.
notice-change-failed-why = { $subject }: the training of { $version } failed: { $reason } The model before goes on answering.
notice-change-unchanged = { $subject }: nothing that is taught has changed.
notice-change-unchanged-why = { $subject }: nothing that is taught has changed: { $reason }
notice-change-removed = { $subject }: { $dataset } is not in the repository any more.
notice-change-removed-why = { $subject }: { $dataset } is not in the repository any more: { $reason }
change-score = ; likeness { $now } of 100
change-score-against = ; likeness { $now } of 100, { $difference } against { $before }
change-score-up = +{ $by }
change-score-down = −{ $by }
change-score-none = { "" }

# First lines of the commits that Merlin makes: English in git, told to people like this.
subject-example-add = New example { $example }
subject-example-edit = Edit of the example { $example }
subject-example-delete = Removal of the example { $example }
subject-import = From a file into { $dataset }: { $count ->
    [one] { $count } example
   *[other] { $count } examples
  }
subject-undoing = Undone — { $subject }
subject-examples = Edit { $count ->
        [one] { $count } example
       *[other] { $count } examples
    } of { $dataset }
subject-course = Edit of the course card
subject-material-add = New material: { $material }
subject-material-edit = Edit of the material: { $material }
subject-material-remove = Removal of the material: { $material }
subject-file-add = New file { $path }
subject-file-edit = Edit of { $path }
subject-file-delete = Removal of { $path }

change-checked-out = The repository { $folder } has the branch checked out and takes no push. Say there once: git config receive.denyCurrentBranch updateInstead
change-work-tree = The work tree of { $folder } has changes that are not committed, so it takes no push: commit or undo them there.
change-locked = A git that was killed left the lock { $path }: when no git runs there, delete it.
change-denied = The repository does not let Merlin push: { $reason } Give its key or token the right to write.
change-push-refused = The repository refused the push: { $reason }
change-no-branch = The repository has no branch { $branch } any more.
change-raced = The branch moved on { $tries } times in a row while the edit was pushed; it is tried again.
change-in-the-way = Something that is no file lies at { $path }.
change-dataset-gone = The dataset { $dataset } is not in the repository any more, so nothing is added to it.
change-no-place = { $path } is no place for a dataset's file.
change-too-large = { $path } would have { $size } bytes; { $limit } are allowed.
change-count = One commit takes 1 to { $limit } different files, not { $count }.
change-conflict = somebody else changed this file meanwhile
change-given-up = taken back
change-unknown = There is no edit { $change }.
change-unreadable = The edit cannot be read any more: the key that sealed it is gone.
change-no-example = { $dataset } has no example { $example }.

finding-import-json = This line is no JSON object that can be taken: { $words }
finding-import-list = The list cannot be read from here: { $words }
finding-import-left-keys = Only the conversation is taken; left out here and in all lines alike: { $keys }
finding-import-heading = The first line must name the columns question and answer (and tags, if any); it says: { $found }
finding-import-csv = The table cannot be read from here: { $words }
finding-import-xlsx = The workbook cannot be read from here: { $words }
finding-import-cells = This row has { $found } cells, the heading { $expected }.

change-no-dataset = There is no dataset { $dataset } at the newest commit.
change-asked-only = The daemon will commit it (edit { $change }).
change-late = The edit { $change } has waited for { $seconds } s; it stays. See: merlin health daemon
change-waits = The edit { $change } is kept and waits: { $reason }
change-parked = The edit { $change } is put aside: { $reason } When that is mended: merlin example retry { $change }
change-not-parked = The edit { $change } is not put aside, so there is nothing to try again.
change-was-refused = Not saved: { $reason }
change-not-good = Nothing was saved: mend what is told above.
change-in-conflict = Somebody else changed the same file meanwhile, and nothing was saved. From their text to yours:
    { $difference }
did-change = { $tokens } tokens; the next training takes about { $examples ->
    [one] { $examples } example
   *[other] { $examples } examples
  }
did-change-price = { $tokens } tokens; the next training takes about { $examples ->
    [one] { $examples } example
   *[other] { $examples } examples
  } and costs about { $price }
did-import = { $lines ->
    [one] { $lines } line
   *[other] { $lines } lines
  }: { $taken } imported, { $duplicates } known already
did-plan = { $lines ->
    [one] { $lines } line
   *[other] { $lines } lines
  }: { $taken } would be imported, { $duplicates } are known already
did-export = { $count ->
    [one] { $count } example
   *[other] { $count } examples
  } written to { $path }
example-exists = There is an example { $example } already; name another --id, or use: merlin example edit { $example }
example-file-or-words = Give --question and --answer, or --file with the whole example.
example-unreadable = { $path } cannot be read: { $reason }
example-unchanged = { $example } stays as it is: nothing was changed.
example-broken = The example cannot be read, so its words cannot be changed one by one: mend it in your editor, or give --file.
example-no-editor = The editor { $editor } could not be run; set EDITOR, or give --answer or --file.
example-several = Several datasets have an example of this name ({ $datasets }): name one with --dataset.
example-none-found = No example says all these words.
import-duplicate = says the same as { $other }
import-not-good = Nothing was imported: { $rejected } of { $lines } lines have errors.
import-left-out = { $count ->
    [one] { $count } line is
   *[other] { $count } lines are
  } left out for the errors told above.
import-too-much = An import takes at most { $limit } new examples and tells at most as many findings: divide the files.
import-by-tag = By tag: { $counts }
import-by-tag-none = without
import-by-language = By language: { $counts }
import-by-language-none = other
import-duplicates = Nothing was imported: { $count ->
    [one] { $count } line says
   *[other] { $count } lines say
  } what is known already.
export-left-out = { $count ->
    [one] { $count } example says more than { $format } has room for, and is left out: { $first }
   *[other] { $count } examples say more than { $format } has room for, and are left out; the first: { $first }
  }
export-options = huggingface needs --to FOLDER, and --language and --license belong to it alone; give --to or --output, not both.
export-nothing = { $dataset } has no good example to write, or its dataset.yaml cannot be read.
export-folder-exists = { $path } is there already: name a new folder or an empty one.
export-unwritable = { $path } cannot be written: { $reason }
