"""`merlin bot`: the one process that talks to Telegram.

Start reading at `main`; `intake` is where an update comes in, `processor` keeps their order,
`application` picks the handler, `handlers` is what is done with it, `outbox` how an answer goes
out. It knows no database and no provider: `services` is all it gets.
"""

import os

# RetryAfter.retry_after as a timedelta, PTB's coming default; else every 429 warns.
os.environ.setdefault("PTB_TIMEDELTA", "true")
