### Why a job failed: its files, the disk, the memory.

engine-file-line = Line { $line }: { $reason }
engine-file-too-many = The file has more than { $most } examples. Split it.
engine-file-too-few = { $n ->
    [one] The file has { $n } example, at least { $least } are needed. Add some.
   *[other] The file has { $n } examples, at least { $least } are needed. Add some.
}
engine-file-long-line = longer than { $most } bytes. Split the conversation, or check for missing line breaks.
engine-file-not-utf8 = not UTF-8 at byte { $at } of the line. Save the file as UTF-8.
engine-file-not-json = not JSON: { $reason }. A training file holds one JSON object a line (JSON Lines).
engine-file-half-character = half a character, a lone surrogate (\ud800 to \udfff). Write the text again, in UTF-8.
engine-file-no-list = an object with a list '{ $name }' is needed.
engine-file-no-preference = an object with 'input', 'preferred_output' and 'non_preferred_output' is needed.
engine-file-no-user = no message has the role 'user'. Add the question.
engine-file-not-answered = the last message must have the role 'assistant': the model learns that one.
engine-file-answered-before = input.messages: the last message must not have the role 'assistant'.
engine-file-output-role = { $name }: every message must have the role 'assistant'.
engine-file-late-system = message { $number }: system must stand before every other role.
engine-file-tools = functions (tools) are declared or called here, and this engine doesn't train them.
engine-file-no-message = message { $number } isn't an object.
engine-file-role = message { $number }: unknown role { $role }, known are { $known }.
engine-file-no-text = message { $number } ({ $role }): content must be text and can't be empty.
engine-file-weight = message { $number }: weight must be 0 or 1.
engine-file-parts = message { $number }: only parts of type 'text' can be trained on.
engine-file-gone = A file of this job was deleted: { $name }. Upload it again and create a new job.
engine-memory-out = Not enough memory for this job. Train on fewer examples, or on a machine with more memory.
engine-disk-full = The engine's disk is full. Free some space, then create the job again.
engine-disk-refuses = The engine can't write to its disk: { $reason }. Check the disk, then create the job again.
engine-bug = A bug in the engine: { $kind }. See its log for details.
