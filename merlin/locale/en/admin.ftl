# The screens of those who keep Merlin: /admin.
bot-command-admin = administration
admin-title = Administration
admin-home = Your role: { $role }.
admin-serves = { $dataset }: { $build } answers, since { $since }
admin-serves-none = { $dataset }: no trained model yet
admin-board-card = { $sign } { $state }: “{ $subject }”
admin-board-left = { $share }%, { $time } left
admin-examples = 📚 Examples
admin-jobs = ⚙️ Jobs
admin-models = 🧠 Models
admin-users = 👥 People
admin-broadcast = 📣 Broadcast
admin-health = 🩺 Health
admin-sure = Are you sure?
admin-refresh = 🔄 Refresh
admin-onward = Go on ›
admin-asked = The daemon is asked
admin-asked-wait = Working on it. The result appears here.
admin-asked-late = The daemon is not running now. Your request is kept and carried out when it starts; the result appears here.
admin-asked-already = Asked already, waiting for the answer.
admin-refused = It did not work: { $reason }
admin-no-dataset = There is no such dataset here any more.
admin-no-datasets = No datasets yet: the daemon has not read the repository.
admin-no-model = Job { $job } has no model.
admin-did-launch = Job { $job } of { $dataset } is being launched.
admin-did-cancel = Job { $job }: { $state ->
        [cancelled] cancelled
        [succeeded] it had ended already, but its model will not serve
        [failed] it had failed already
       *[other] being cancelled
    }.
admin-did-promote = { $dataset }: { $build } answers now ({ $model }).
admin-did-accept = { $dataset }: { $count ->
        [one] { $count } answer of { $build } is accepted
       *[other] { $count } answers of { $build } are accepted
    }; it answers people in a moment.
admin-did-rollback = { $dataset }: { $build } answers again ({ $model }).
admin-did-pin = { $dataset }: the model is pinned, newer ones wait.
admin-did-unpin = { $dataset }: unpinned, newer models may answer again.
admin-jobs-list = Newest first. Press a job to see how it goes.
admin-jobs-none = There have been no jobs yet.
admin-job = Job { $job } · { $build }
admin-job-state =
    State: { $state } (the provider says: { $status })
    Provider: { $provider }, base: { $base }, attempt { $attempt }
admin-job-cost = Estimate: { $cost }; trained tokens: { NUMBER($tokens) }
admin-job-times = Begun { $created }, last news { $updated }
admin-job-last = Now: { $message }
admin-job-error = Reason: { $error }
admin-loss-train = training
admin-loss-test = test
admin-losses = 📈 Losses as a picture
admin-losses-none = No loss was measured yet.
admin-events = 📜 Events
admin-events-none = No events yet.
admin-cancel-job = ⏹ Cancel the job
admin-ask-cancel = Cancel job { $job } ({ $build })? What is paid does not come back; the model before goes on answering.
admin-model = 🧠 Model
admin-launch = 🚀 Launch training
admin-launch-which = Which dataset shall be trained? Its newest build is taken. You see the price first.
admin-launch-not = It cannot be launched
admin-launch-yes = 🚀 Launch
admin-launch-what = { $build } on { $base } ({ $provider }): { $examples ->
        [one] { $examples } example
       *[other] { $examples } examples
    }, { $epochs ->
        [one] { $epochs } epoch
       *[other] { $epochs } epochs
    }.
admin-launch-price = It will cost about: { $cost }.
admin-price-unknown = the price of this base is not known
admin-budget-left = Budget of the month: { $left } of { $cap } left.
admin-models-which = What answers now. Press a dataset to see its models.
admin-serving-now = { $build } answers ({ $model }, { $provider }) since { $since }.{ $pinned ->
        [yes] { " " }📌 Pinned: newer ones wait.
       *[no] { "" }
    }
admin-model-what =
    { $model }
    Provider: { $provider }
    State: { $state }, made { $created }
admin-history = 🕘 History
admin-history-of = History: { $dataset }
admin-history-line = { $at } → { $to } ({ $why }, { $by })
admin-compare = ⚖️ Compare
admin-compare-which = Compare with which model?
admin-compare-none = There is nothing to compare with: this is the only model.
admin-compare-legend = Both were asked the same test questions.
admin-compare-differ = Their test questions differ ({ $shared ->
    [0] none is
    [one] { $shared } is
   *[other] { $shared } are
} in both builds), so their scores cannot be compared. Each model's own scores stand on its page.
admin-score-questions = questions
admin-score-chrf = likeness of 100
admin-score-equal = exact, %
admin-score-unknown = “do not know”, %
admin-scores = 📈 Test by version
admin-scores-none = There are no answers to the test questions.
admin-scores-title = Test of { $model }: share of right answers, %
admin-its-job = ⚙️ Its job
admin-promote = ⬆️ Let it answer
admin-accept = ✅ Accept these answers
admin-ask-accept = Let { $build } answer in { $dataset } although it answers these questions otherwise? No later model is stopped for them while their answers in the dataset stay as they are.
admin-held = 🛑 Doesn't answer people yet: { $reason }.
    { $list }{ $more ->
        [0] { "" }
       *[other] { " " }… and { $more } more
    }
admin-to-model = 🔎 Look at the model
admin-ask-promote = Let { $dataset } answer by { $build }? People see it at once.
admin-pin = 📌 Pin
admin-ask-pin = Pin the model that { $dataset } has now? Newer ones do not replace it until you unpin it.
admin-unpin = 📌 Unpin
admin-ask-unpin = Unpin { $dataset }? A newer proved model may answer at once.
admin-rollback = ⏪ Roll back
admin-ask-rollback = Give { $build } back to { $dataset }? The next newer model replaces it again.
admin-not-yours = You may not do this any more.
admin-to-job = ⚙️ To the job
admin-grouped = { $count ->
        [one] { $count } message about the same:
       *[other] { $count } messages about the same:
    }
admin-grouped-more = and { $count } more
people-count = { $count ->
        [one] { $count } person has written to the bot.
       *[other] { $count } people have written to the bot.
    }
people-find = 🔍 Find
people-ask-find = Whom shall I find? Send the person's Telegram number or a part of the name.
people-found = Here is whom I found. To look further, send another name or number.
people-found-none = I found nobody. Send another name or number.
people-nameless = No name
people-not-self = You cannot change yourself like that: ask another admin.
people-not-admin = This is an admin: take the role away first.
people-role = 🎓 Role
people-block = 🚫 Block
people-unblock = ✅ Unblock
people-plan = 📦 Plan
people-gift = 🎁 Give questions
people-what =
    Role: { $role }
    Plan: { $plan }
    Language: { $speaks }
people-no-plans = no limits
people-left = { $format }: { $used } of { $limit }, { $gifts } in gifts
people-ask-block = Answer { $who } no more? Their conversations stay.
people-blocked = Blocked
people-unblocked = Gets answers again
people-ask-plan = Which plan shall it be?
people-plan-set = The plan is changed
people-ask-role = Which role shall it be? The present one is marked by ▸.
people-ask-scope = Which datasets does the teacher lead? The marked ones are theirs; press to give or take.
people-ask-grant = { $who } becomes: { $role }. The role before ends.
people-ask-scope-off = Take dataset { $scope } from { $who }?
people-grant = Give the role
people-revoke = Take it
people-granted = Done
people-ask-format = Which questions shall I give?
people-ask-amount = How many questions? Choose, or send a number.
people-amount-wrong = It takes a number from 1 to { NUMBER($most) }. Choose, or send another.
people-ask-days = For how long?
people-days = { $days ->
        [one] { $days } day
       *[other] { $days } days
    }
people-for-ever = for ever
people-ask-gift = Give: { $who }, { $format } — { $amount }, for: { $long }.
people-given = Given
notice-role = Your role is now: { $role }.
notice-role-scopes = Your role is now: { $role } ({ $scopes }). Begin with /admin
notice-gift = You were given questions beyond your plan: { $format } — { $amount }. They are used when the plan has no room.
cast-list = Recent broadcasts. Press one to see how it goes.
cast-none = There have been no broadcasts yet.
cast-new = ✍️ New broadcast
cast-again = ✍️ Another text
cast-ask-text = Send the text of the broadcast as one message. Markdown works: **bold**, *italic*, `code`, links. You see first how it will look.
cast-too-long = The text is longer than one message (over { NUMBER($most) } characters). Send a shorter one.
cast-to = { $whom ->
        [ru] In Russian: { $count }
        [en] In English: { $count }
       *[all] Everybody: { $count }
    }
cast-ask-send = { $count ->
        [one] Send this to { $count } person? What is sent cannot be taken back.
       *[other] Send this to { $count } people? What is sent cannot be taken back.
    }
cast-send = 📣 Send
cast-stop = ⏹ Stop
cast-ask-stop = Stop broadcast { $number }? Those who have not got it will not get it.
cast-begun = This broadcast was sent already.
cast-nobody = There is nobody to send it to.
cast-report = Broadcast { $number } { $state ->
        [running] is going on
        [stopped] is stopped
        [draft] has not begun
       *[ended] has ended
    }. Receivers: { NUMBER($total) }.
    Sent: { NUMBER($sent) }
    Blocked the bot: { NUMBER($blocked) }
    Failed: { NUMBER($failed) }
    Not sent: { NUMBER($left) }
step-serving = answering
step-telegram-down = Telegram is unreachable
step-working = working
health-alive = { $sign } { $name }: { $step }, up for { $up }
health-silent = { $sign } { $name }: silent for { $ago }
health-days = { $count } d
health-hours = { $count } h
health-minutes = { $count } min
health-seconds = { $count } s
health-queue-requests = Requests
health-queue-notices = Notices
health-queue-updates = People's messages
health-queue-letters = Outgoing
health-waits = { $queue }: { $count } waiting, the oldest { $age }
health-nothing-waits = The queues are empty.
health-failures = Failed within a day: answers { $updates }, requests { $requests }, jobs { $jobs }
health-spent = { $provider }: { $spent } this month
health-spent-of = { $provider }: { $spent } this month, { $left } left
health-sunset = ⌛ { $model } ({ $used }) goes dark on { $date }, in { $days } d
health-disk = Disk: { $free } GiB free ({ $share } %)
health-alarms = What was told last:
bot-blocked = An admin has closed the bot to you, so I do not answer. You can still take or delete your data: /export, /delete_me
