# Proposed examples on the command line, and what a teacher is asked for.
col-answer = answer
col-proposal = number
col-question = question
col-source = source
proposals-which = Name the numbers of proposals, or use --all for all that wait.
proposals-none-chosen = Select at least one proposal.
proposals-approved = Approved: { $count ->
        [one] { $count } example
       *[other] { $count } examples
    }.{ $left ->
        [0] { "" }
        [one] { " " }{ $left } has errors and still waits.
       *[other] { " " }{ $left } have errors and still wait.
    }
proposals-declined = Declined: { $count ->
        [one] { $count } proposal
       *[other] { $count } proposals
    }. Their text is deleted.
