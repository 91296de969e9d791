# What teachers and editors change through the API.
course-broken = course.yaml of this course can't be read (line { $line }): { $reason } Fix it in git.
course-unwritable = This text can't be saved in course.yaml.
teaching-unchanged = Nothing changed.
examples-unreadable = Can't be read: { $examples }. Nothing changed. Unselect them, or select a row's text to fix it.
examples-no-tag = Write a tag in the field beside the button.
teaching-no-revision = Name the revision that you saw.
change-not-committed = Only saved edits can be undone.
change-undo-early = This edit hasn't arrived here yet, or { $path } is already back as it was. Try again in a minute.
change-undo-since = { $path } was edited again since, and undoing would remove that edit too. Open the file and fix it yourself.
change-undo-lost = The earlier text of { $path } isn't stored here. You can restore it in git.
change-too-late = Too late: this edit is already saved or rejected, or it's being sent to the repository.
model-not-serving = The model { $model } isn't live, so there's nothing to pin.

api-problem-stale = Another edit changed this while you were editing. The response has both texts and the new revision.
api-problem-not-good = The check found errors, so nothing is saved. They are listed in findings.
api-problem-busy-file = Others are editing this file right now. Try again.
api-problem-unseen-commit = Merlin is still taking in the newest commit. Try again in a few seconds. Nothing of yours was changed.
api-problem-question-and-answer = A new example needs question and answer. An editor may send the whole file as text.
api-problem-too-long-example = Question and answer may have { $limit } characters at most.
api-problem-consent-needed = Your words can become an example only with your consent. Give it in the bot: /privacy.
api-problem-too-many-proposals = Your earlier corrections are still waiting for an editor. Please wait until they are reviewed.
