"""What a fork server makes once for all its processes.

Commands and the model of config.yaml would take each of them 0.1 s of processor time, the
vocabulary that counts tokens 0.3 s.
"""

import threading

from merlin.cli.commands import load_command
from merlin.config import Config
from merlin.dataset.tokens import load_vocabulary

for name in ("daemon", "bot", "api", "engine"):
    load_command(name)
Config.model_rebuild()
load_vocabulary()
# What would free the vocabulary: a process that forks may have no other thread.
for thread in threading.enumerate():
    if isinstance(thread, threading.Timer):
        thread.cancel()
        thread.join(60)
