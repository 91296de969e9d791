# How edits become commits, and what editors and admins hear of them.
notice-change-committed = Saved: { $subject } (commit { $commit }). I'll tell you when a model has learnt it.
notice-change-conflict = Not saved: { $subject }: { $reason } Your text is kept. Open it and make the edit again.
notice-change-refused = Not saved: { $subject }: { $reason }
notice-change-waits = Edits can't be pushed to the repository now. They're saved and will be retried. { $reason }
notice-change-parked = { $subject }: the repository rejected your edit. It's saved. { $reason } Fix the cause, then open the edit and try again.
notice-change-parked-of = { $subject }: the repository rejected this edit by { $by }. It's saved. { $reason } Fix the cause, then open the edit and try again.
notice-change-serving = { $subject }: { $version } is live now{ $score }.{ $losses }
notice-change-rejected = { $subject }: { $title } couldn't be built.
notice-change-rejected-why = { $subject }: { $title } couldn't be built: { $reason }
notice-change-superseded = { $subject }: a newer commit arrived. The model learns from that one.
notice-change-superseded-why = { $subject }: not trained: { $reason }
notice-change-failed = { $subject }: { $version } didn't train. Your edit is saved. If there is a live model, it keeps answering.
notice-change-failed-why = { $subject }: { $version } didn't train: { $reason } Your edit is saved. If there is a live model, it keeps answering.
notice-change-unchanged = { $subject }: saved. Nothing to train: answers don't depend on it.
notice-change-unchanged-why = { $subject }: saved. Nothing to train: { $reason }
notice-change-left_out = { $subject }: nothing new to train. Fix it and save it again.
notice-change-left_out-why = { $subject }: nothing new to train. { $reason }. Fix it and save it again.
notice-change-removed = { $subject }: { $title } is no longer in the repository.
notice-change-removed-why = { $subject }: { $title } is no longer in the repository: { $reason }
change-score = ; { $right } of { $questions } right
change-score-none = { "" }

# First lines of the commits that Merlin makes.
subject-example-add = New example “{ $example }”
subject-example-edit = Edit example “{ $example }”
subject-example-delete = Remove example “{ $example }”
subject-example-correct = Correct the answer of “{ $example }”
subject-more = { $subject } and { $count } more
subject-import = { $count ->
    [one] { $count } new example
   *[other] { $count } new examples
  } in { $dataset }
subject-import-changes = Examples of { $dataset }: { $count } new, { $changed } changed, { $gone } removed
subject-import-as = { $subject } (imports.yaml: { $name })
subject-undoing = Undone — { $subject }
subject-course = Edit course card
subject-material-add = New material: { $material }
subject-material-edit = Edit material: { $material }
subject-material-remove = Remove material: { $material }
subject-file-add = New file { $path }
subject-file-edit = Edit { $path }
subject-file-delete = Remove { $path }

change-checked-out = The repository { $folder } has this branch checked out and rejects pushes. Run there once: git config receive.denyCurrentBranch updateInstead
change-work-tree = The work tree of { $folder } has uncommitted changes, so it rejects pushes: commit or undo them there.
change-denied = The repository doesn't let Merlin push: { $reason }. Give its key or token write access.
change-push-refused = The repository rejected the push: { $reason }
change-no-branch = Branch { $branch } is no longer in the repository.
change-raced = The branch moved { $tries } times in a row while the edit was being pushed. It will be retried.
change-in-the-way = { $path } exists but isn't a file.
change-dataset-gone = The dataset { $dataset } is no longer in the repository, so nothing can be added to it.
change-no-place = { $path } isn't a valid path for a dataset's file.
change-too-large = { $path } would have { $size } bytes, { $limit } are allowed.
change-count = One commit can have 1 to { $limit } different files, not { $count }.
change-conflict = Another edit changed { $path } meanwhile.
change-given-up = withdrawn
change-unknown = Edit { $change } not found. Open the list of edits again.
change-unreadable = This edit can no longer be read: its encryption key is gone.
change-no-example = { $dataset } has no example { $example }.

finding-import-json = Not a valid JSON object: { $words }
finding-import-keys = No conversation found in the keys { $found }. { $question ->
        [no] Merlin reads messages, or a question with its answer (question, prompt or instruction, with answer, completion or output).
        [turns] These are single messages. Write those of each conversation as a list under messages, or questions and answers into a table.
        [none] Say which are the question and the answer, or name them so.
       *[other] By what stands in them, “{ $question }” asks and “{ $answer }” answers: say so, or choose two others.
    }
finding-import-field = What “{ $name }” means isn't said: { $values }. { $kind ->
        [few] Which of these answers count?
       *[many] Is it the question, the answer, or nothing for an example?
    }
finding-import-held = { $kind ->
        [edited] The file says something else than at the last import, but an editor has changed { $example } since. It stays as the editor wrote it. If the file is right, edit the example.
        [gone] Its record is gone from the file, but an editor has changed { $example } since the last import. It stays. Remove it if it is no longer needed.
       *[others] The IDs in this file are those of examples with other questions and other answers, so it looks like a file from somewhere else. Its records are taken as new examples.
    }
finding-import-history = The question follows earlier turns under { $found }, and makes no sense without them. Write all turns as messages.
import-as-table = Write its questions and answers into a table (CSV or XLSX) with the columns question and answer.
finding-import-kind = { $kind ->
        [gzip] This file is compressed. Unpack it first.
        [archive] This is an archive. Unpack it, and import the files in it.
        [parquet] This is a Parquet or Arrow file. Save it as JSON Lines, for example with pandas (to_json, lines).
        [office] This is an old Office file (.xls, .doc). Open it and save it as XLSX or CSV.
        [opendocument] This is an OpenDocument file. Save it as XLSX or CSV.
        [pdf] This is a PDF. { import-as-table }
        [rtf] This is an RTF document. { import-as-table }
        [picture] This is a picture. { import-as-table }
        [lfs] This is a pointer of Git LFS, and the file itself is kept elsewhere. Take it from there.
        [docx] No question with its answer was found in this Word document. Write each question as a heading with its answer below, or after “Question:” and “Answer:”.
        [markdown] No question with its answer was found in this text. Write each question as a heading with its answer below, or after “Question:” and “Answer:”.
        [text] No question with its answer was found in this text. Start questions with “Question:” and answers with “Answer:”, each on a line of its own.
        [rasa-markdown] This is training data of an old Rasa (Markdown). { import-as-table }
        [telegram] No answer was found in this chat exported from Telegram: an example is a reply of one person to a message of another.
        [telegram-html] This is a chat exported from Telegram as HTML. Export it again in the format “Machine-readable JSON”.
        [vk] No answer was found in this chat of VK: an example is a reply of one person to a message of another.
        [librechat] No answer was found in this conversation exported from LibreChat.
        [kiln] No input with its output was found in this run of Kiln.
        [whatsapp] This is a chat exported from WhatsApp. { import-as-table }
        [chatgpt] No answer was found in these conversations exported from ChatGPT.
        [dialogflow] No intent with phrases and a text answer was found in this agent exported from Dialogflow. { import-as-table }
        [label-studio] No text of an annotator was found in this export of Label Studio. Export the tasks with their annotations.
        [faq-page] No question with its answer was found in this FAQPage.
        [moodle] No question with a right answer was found in this quiz of Moodle (XML).
        [gift] No question with a right answer was found in this quiz of Moodle (GIFT).
        [rasa] No intent with its response was found in this data of Rasa. Give its files together, such as nlu.yml and domain.yml.
        [html] This is a web page. { import-as-table }
        [xml] This is XML. { import-as-table }
       *[yaml] This is YAML. An example of Merlin's own form isn't imported: put the file into the dataset's folder examples, and commit it.
    }
finding-import-function-call = function_call is the form of 2023. Write the call under tool_calls, and the answer of the function as a message with the role tool.
finding-import-part = This isn't text: { $kind }. Merlin trains on text alone: describe in words what is meant, or leave the record out.
finding-import-left-keys = Left out: { $keys } { $count ->
        [one] (1 record)
       *[other] ({ $count } records)
    }.
finding-import-left = Left out: { $kind ->
        [messages] { $count ->
            [one] { $count } message that neither asks nor answers
           *[other] { $count } messages that neither ask nor answer
        }
        [conversations] { $count ->
            [one] { $count } conversation without an answer
           *[other] { $count } conversations without an answer
        }
        [annotations] { $count ->
            [one] { $count } cancelled annotation
           *[other] { $count } cancelled annotations
        }
        [questions] { $count ->
            [one] { $count } question without an answer
           *[other] { $count } questions without an answer
        }
        [follow-ups] { $count ->
            [one] { $count } answer to a follow-up question
           *[other] { $count } answers to follow-up questions
        }
        [wordings] { $count ->
            [one] { $count } other wording of an answer
           *[other] { $count } other wordings of answers
        }
        [choices] { $count ->
            [one] { $count } other choice
           *[other] { $count } other choices
        }
        [texts] { $count ->
            [one] { $count } paragraph outside of questions and answers
           *[other] { $count } paragraphs outside of questions and answers
        }
        [rows] { $count ->
            [one] { $count } row above the heading
           *[other] { $count } rows above the heading
        }
        [excluded] { $count ->
            [one] { $count } record with another value
           *[other] { $count } records with other values
        }
        [headings] { $count ->
            [one] { $count } repeated heading
           *[other] { $count } repeated headings
        }
        [comments] { $count ->
            [one] { $count } hidden comment
           *[other] { $count } hidden comments
        }
        [struck] { $count ->
            [one] { $count } struck-through text
           *[other] { $count } struck-through texts
        }
        [hidden-texts] { $count ->
            [one] { $count } hidden text
           *[other] { $count } hidden texts
        }
        [conditional] { $count ->
            [one] { $count } answer or rule under a condition
           *[other] { $count } answers or rules under a condition
        }
        [disabled] { $count ->
            [one] { $count } disabled or hidden question
           *[other] { $count } disabled or hidden questions
        }
        [pictures] { $count ->
            [one] { $count } answer to or by a picture, a sound or a file
           *[other] { $count } answers to or by a picture, a sound or a file
        }
        [courtesies] { $count ->
            [one] { $count } message of courtesy
           *[other] { $count } messages of courtesy
        }
        [drawings] { $count ->
            [one] { $count } picture over the cells
           *[other] { $count } pictures over the cells
        }
        [notes] { $count ->
            [one] { $count } footnote
           *[other] { $count } footnotes
        }
        [hidden-sheets] { $count ->
            [one] { $count } hidden sheet
           *[other] { $count } hidden sheets
        }
        [hidden-rows] { $count ->
            [one] { $count } hidden row
           *[other] { $count } hidden rows
        }
        [hidden-columns] { $count ->
            [one] { $count } hidden column
           *[other] { $count } hidden columns
        }
       *[other] { $count ->
            [one] { $count } entry of another kind
           *[other] { $count } entries of another kind
        }
    }.
finding-import-encoding = The file isn't in UTF-8, and was read as { $encoding }. Look whether the letters are right.
finding-import-heading = No columns question and answer were found in the first rows. These columns are there: { $found }. { $question ->
        [none] Say which are the question and the answer, or name them so, each once.
       *[other] By what stands below them, “{ $question }” asks and “{ $answer }” answers: say so, or choose two others.
    }
finding-import-csv = Can't read the table from here: { $words }. Usually a quote isn't closed: a cell with a comma, a quote or a line break stands in quotes, and quotes in it are doubled.
finding-import-unreadable = Can't read the file: { $reason ->
        [no-text] no visible sheet has rows, and no page has text.
        [damaged] it is damaged, has a password or is of an old form. Save it again, or as CSV UTF-8.
        [password] it has a password. Save it without.
        [slow] reading it took too long and was stopped. Split it into several files.
       *[other] reading it takes too much memory. Split it into several files.
    }
finding-import-left-sheets = Only the sheet “{ $sheet }” was read; these sheets have rows too: { $others }
finding-import-cells = This row has { $found } cells, the heading { $expected }.
finding-import-cell-error = A cell has an error of the spreadsheet instead of a text: { $found }

change-no-dataset =
    { $near ->
        [none] There's no dataset { $dataset } in the latest commit.
       *[other] There's no dataset { $dataset } in the latest commit; did you mean { $near }?
    }
change-queued = Edit { $change } is saved. The daemon, or the next command that edits, will commit it.
change-late = Edit { $change } has been waiting for { $seconds } s. It's saved. Check: merlin health daemon
change-waits = Edit { $change } is saved and waits: { $reason }
change-parked = Edit { $change } is on hold: { $reason } After fixing it, retry it on the page /changes/{ $change }.
change-not-parked = Edit { $change } isn't on hold, so there's nothing to retry.
change-not-saved = Not saved: { $reason }
change-has-errors = Nothing was saved: fix the errors above.
did-import = { $lines ->
    [one] { $lines } line
   *[other] { $lines } lines
  }: { $new } imported, { import-changed }{ $duplicates } already known{ import-stays }
did-plan = { $lines ->
    [one] { $lines } line
   *[other] { $lines } lines
  }: { $new } to import, { import-changed }{ $duplicates } already known{ import-stays }
import-changed = { $changed ->
    [0] { "" }
   *[other] { $changed } changed,{ " " }
  }
import-stays = { $held ->
    [0] { "" }
   *[other] , { $held } left as an editor changed them
  }
import-remembered = The fields mean what they did last time, as { $name } of imports.yaml says.
import-gone = { $count ->
    [one] { $count } example was imported earlier
   *[other] { $count } examples were imported earlier
  }, and its record is gone from the file: { $paths }. { $state ->
    [kept] Kept. To remove them: --remove-gone
    [asked] To be removed.
   *[removed] Removed.
  }
import-no-such-value = No record has { $values } in “{ $field }”. It has: { $found }.
import-no-field = No record of the file has the field { $fields }. Its fields: { $found }
import-bad-name = “{ $name }” isn't a name: use letters, digits, “.”, “_” and “-”. For example: { $proposed }
import-same-id = Two records have the ID { $id }, so it isn't clear which one the example is. Give each record its own ID, or none to one that is new.
imports-broken = imports.yaml of this dataset can't be read (line { $line }): { $reason } Fix it in git.
example-unreadable = { $path } can't be read: { $reason }
example-broken = The example can't be read, so its parts can't be changed one by one: fix its file in a clone.
import-asks = Nothing was imported: it isn't said what { $count ->
    [one] a field of the file means
   *[other] { $count } fields of the file mean
  }. Look at the values above and repeat the command with what is right, such as { $options }. --map PART=FIELD says that a field is a part of the example, --leave FIELD that it means nothing.
import-no-part = --map: an example has no part { $part }. Its parts: { $parts }
import-no-value = { $option }: “{ $written }” has no “=” with a name before it and a value behind it.
import-columns = Nothing was imported: it isn't said which columns are the question and the answer. Repeat the command with { $options }
import-has-errors = Nothing was imported: lines with errors: { $rejected } of { $lines }. Fix them, or leave them out: --skip-bad
import-left-out = { $count ->
    [one] { $count } line was
   *[other] { $count } lines were
  } left out because of the errors above.
import-no-file = The file didn't arrive whole. Choose it again.
import-nothing-new = There's nothing to save: all examples of the file are known, or have errors.
import-no-dataset = { $near ->
        [none] There's no dataset { $dataset } in the latest commit.
       *[other] There's no dataset { $dataset } in the latest commit; did you mean { $near }?
    } An import adds to a dataset that is there. To create it from files, add --create. Or commit a folder { $dataset } beside the other datasets with a file dataset.yaml of three lines, then import again:
    title: {"{"}ru: '{ $dataset }', en: '{ $dataset }'{"}"}
    system: Answer briefly.
    recipe: {"{"}provider: engine, base_model: recall{"}"}
new-dataset-taken = There is already a folder or a dataset “{ $dataset }”, perhaps in other letters. Choose another name, for example: { $proposed }
new-dataset-no-title = Write a title: people see it in the list of courses.
new-dataset-no-engine = A new dataset is taught by Merlin's own engine, and config.yaml has no provider named engine. Add it under providers, or commit a dataset.yaml with another recipe.
new-dataset-no-teacher = Choose a user name under Account first: course.yaml names you by it as the teacher of the new course.
import-create-what = --create, --as and --remove-gone are of an import from files: name them.
import-what = Name files to import, or an account to import from (--from PROVIDER), not both.
import-progress = files
import-sure = { $count ->
        [one] Import { NUMBER($count) } example?
       *[other] Import { NUMBER($count) } examples?
    }
import-not-sure = Nothing was imported. To import the examples, add --yes.
import-cut = { $count ->
        [0] No file is finished.
        [one] { NUMBER($count) } file is finished.
       *[other] { NUMBER($count) } files are finished.
    } Run the command again to continue: nothing is imported twice.
import-no-jobs = The account doesn't list its jobs and models, so their hyperparameters are unknown; its files are read all the same. Its answer: { $reason }
import-keep = What isn't an example is gone with the account. To store every file as it is, run the command with --keep FOLDER
import-kept = { $count ->
    [one] { NUMBER($count) } file of the account is
   *[other] { NUMBER($count) } files of the account are
  } in { $folder } as downloaded. account.json there lists its jobs and models.
import-not-given = { $count ->
    [one] { NUMBER($count) } file was
   *[other] { NUMBER($count) } files were
  } not given out by the provider: see the table.
import-keep-progress = files kept
import-keep-what = --keep stores the files of an account: name it with --from PROVIDER.
import-file-gone = gone
import-file-taken = imported before
import-file-test = validation file: for the test
import-recipe = Hyperparameters of the newest model, { $model } (job { $job }). To keep them, write them under recipe in dataset.yaml:
col-base-model = base model
col-errors = errors
col-file = file
col-known = already known
col-lines = lines
col-training-file = training file
col-name = name
col-new = new
col-shutdown = shut down on
import-too-much = One import can have up to { $limit } new examples and shows as many errors and notes: split the files.
export-left-out = { $count ->
    [one] { $count } example isn't in the file: it has errors, or another one says the same.
   *[other] { $count } examples aren't in the file: they have errors, or others say the same.
  }
export-too-long = Example { $example } has a text of more than { $limit } characters, the most that a cell of a workbook can have. Choose CSV or JSONL.
export-unwritable = { $path } can't be written: { $reason }
