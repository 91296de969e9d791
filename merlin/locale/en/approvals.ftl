# Two people for a dangerous act: one asks, another approves.
approval-title = ✋ Waiting for approval
approval-nothing = Nothing is waiting for approval.
approval-act-grant = give a role: { $role }{ $scope }
approval-act-revoke = remove a role: { $role }{ $scope }
approval-act-refund = refund { $price } for order { $order }, reason: { $reason }
approval-act-promote = make the model { $model } live
approval-act-accept = accept the changed answers of the model { $model }
approval-act-rollback = roll back to the model { $model }
approval-line = { $what } — { $subject }. Asked by { $by }, waits until { $until }.
approval-line-own = { $what } — { $subject }. Asked by you, waits until { $until }.
approval-approve = ✅ Approve
approval-approve-yes = Yes, approve
approval-decline = ❌ Decline
approval-open = ✋ Waiting for approval ({ $count })
approval-result-approved = Approved, and the action has started.
approval-result-declined = Declined.
approval-result-withdrawn = The request is cancelled.
approval-result-failed = Approved, but it couldn't be done: { $reason }
approval-needed = Another admin has to approve this. Request { $number } was sent and waits for 24 hours.
approval-none = Request { $number } not found. Open the list of requests again.
approval-decided = Request { $number } { $state ->
        [approved] has already been approved, and the action has started
        [failed] has already been approved, but the action couldn't be done
        [declined] has already been declined
       *[other] is no longer waiting
    }.
approval-own = You can't approve your own request; another admin has to.
approval-asker-blocked = The admin who asked is blocked.
approval-subject-erased = The person it was about has deleted their data.
approval-asker-lost = The admin who asked may no longer do this.
notice-approval-asked = { $by } asks to { $what } — { $subject }. It needs your approval and waits for 24 hours.
notice-approval-approved = { $by } approved request { $number }, and the action has started: { $what }.
notice-approval-declined = { $by } declined request { $number }: { $what }.
notice-approval-failed = { $by } approved request { $number }, but it couldn't be done: { $what }. { $reason }
notice-approval-expired = No other admin approved request { $number } within 24 hours: { $what }. If you still need it, ask again.
audit-approval-ask = approval requested
audit-approval-approve = approved
audit-approval-decline = declined
page-section-approvals = Approvals
page-approvals-lead = These start as soon as another admin approves them.
page-approvals-none = Nothing is waiting for approval
page-approvals-none-hint = Refunds, roles and models appear here where the configuration has security.two_people.
page-approvals-own = Asked by you
page-approvals-by = Asked by { $name }
page-approvals-until = until { $at }
page-approvals-approve = Approve
page-approvals-decline = Decline
page-approvals-withdraw = Cancel the request
page-approvals-sure = Approve it? It starts right away.
page-approvals-waiting = { $count ->
        [one] { NUMBER($count) } request waits for your approval
       *[other] { NUMBER($count) } requests wait for your approval
    }
page-result-asked = The request was sent; another admin has to approve it.
page-result-approved = { approval-result-approved }
page-result-declined = { approval-result-declined }
page-about-act = action
page-about-number = number
page-about-asked_by = asked by
config-two-people = needs at least two admins in telegram.admins, or there's no one to approve
api-problem-approval-needed = Another admin has to approve this
api-problem-approval-needed-detail = Another admin has to approve this.
approvals-col-number = Number
approvals-col-what = Action
approvals-col-subject = Object
approvals-col-by = Asked by
approvals-col-until = Until
