# Tokens: the gauge of a conversation, the plan.
bot-command-t = conversation memory, questions left
bot-command-plan = my plan and purchases
tokens-title = Conversation memory
tokens-used = { $used } of { $limit } tokens, { $by ->
        [provider] counted by the model provider
       *[estimate] our estimate
    }
tokens-model = Model: { $is_known ->
        [yes] { $model }
       *[no] none available
    }
tokens-cost = Cost: this conversation — { $session }, today — { $today }
tokens-nothing = nothing yet
tokens-cost-today = Cost today: { $today }
plan-title = Plan “{ $title }”
plan-unlimited = No limits: ask as much as you like.
plan-text = Questions
plan-voice = Voice messages
plan-photo = Photos
plan-document = Documents
plan-kind-unlimited = • { $kind }: unlimited
plan-closed = • { $kind }: not included
plan-left = • { $kind }: { $left } of { $limit } left, resets { $at }
plan-left-only = • { $kind }: { $left } of { $limit } left
plan-resets = • Reset { $at }
plan-packs = {" "}(and { $packs ->
        [one] { $packs } extra question
       *[other] { $packs } extra questions
    })
plan-models = • Models: { $models }
