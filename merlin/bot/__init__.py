"""`merlin bot`: the one process that talks to Telegram.

Start reading at `main`; `processor` receives updates and keeps their order, `application` picks the
handler, `handlers` is what is done with it, `outbox` how an answer goes out.
"""

import os

# RetryAfter.retry_after as a timedelta, PTB's coming default; else every 429 warns.
os.environ.setdefault("PTB_TIMEDELTA", "true")
