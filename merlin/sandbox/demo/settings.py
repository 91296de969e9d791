"""The configuration of a demo: everything that Merlin has, with stand-ins around it."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from merlin.sandbox.demo.ports import Ports
from merlin.sandbox.demo.script import Script
from merlin.sandbox.demo.smollm2 import BASE, base

ADMIN_ID = 1003
# Limits that are seen, and that nobody meets who tries the demo out; but for voice, so that one
# can come to a limit by three questions and buy oneself out of it.
_FREE = {
    "title": {"ru": "Бесплатный", "en": "Free"},
    "text": {"day": 200},
    "voice": {"day": 2},
    "photo": {"day": 20},
    "document": {"day": 20},
    "sessions": 50,
}
_PLUS = {
    "title": {"ru": "Плюс", "en": "Plus"},
    "about": {"ru": "Для учёбы каждый день", "en": "For studying every day"},
    "text": {"day": 500},
    "voice": {"day": 100},
    "photo": {"day": 100},
    "document": {"day": 100},
    "price": {"rub": 299, "stars": 200},
    "days": 30,
    "renewed": True,
    "trial_days": 3,
}
_VOICES = {
    "title": {"ru": "20 голосовых вопросов", "en": "20 voice questions"},
    "about": {
        "ru": "Не сгорают: тратятся, когда дневные кончились",
        "en": "They stay until used, after those of the day",
    },
    "pack": {"voice": 20},
    "price": {"rub": 99, "stars": 70},
}
# Written beside the key, for whoever makes their own config of this one.
_WHY_BUTTON = "  # the stand-in of Telegram allows it; its terms (6.2) sell digital goods for Stars"


def settings(ports: Ports, script: Script, *, has_lora: bool = False) -> str:
    """Return the text of `config.yaml`; with `has_lora` a language model is to be tuned too."""
    configuration = {**_configuration(ports, script), "engine": _engine(ports, has_lora=has_lora)}
    said = yaml.safe_dump(configuration, allow_unicode=True, sort_keys=False)
    return said.replace("bot_button: true", f"bot_button: true{_WHY_BUTTON}", 1)


def _engine(ports: Ports, *, has_lora: bool) -> Mapping[str, object]:
    models = {"models": {BASE: base()}} if has_lora else {}
    return {"listen": f"127.0.0.1:{ports.engine}", "pace_s": 0.1, **models}


def _payments(ports: Ports) -> Mapping[str, object]:
    return {
        "yookassa": {
            "base_url": f"http://127.0.0.1:{ports.till}/v3",
            "test": True,
            "save_methods": True,
            "bot_button": True,
            "receipt": {"vat_code": 1},
            "networks": ["127.0.0.1/32"],
        }
    }


def _configuration(ports: Ports, script: Script) -> Mapping[str, object]:
    return {
        "state_dir": "state",
        "language": script.language,
        "repository": {"url": "repository", "branch": "main", "interval_s": 0.5},
        "providers": [
            {
                "name": "engine",
                "base_url": f"http://127.0.0.1:{ports.engine}/v1",
                "limits": {"active_jobs": 4},
                "settle_s": 0,
                "poll_s": 0.2,
            },
            {
                "name": "stand-in",
                "base_url": f"http://127.0.0.1:{ports.model}/v1",
                "credential": "MERLIN_STAND_IN_KEY",
                "settle_s": 0,
            },
        ],
        "models": {
            "recall": {
                "price": {"currency": "USD", "input": 0, "output": 0, "training": 0},
                "context": 8192,
                "training_example": 8192,
            }
        },
        "telegram": {
            "base_url": f"http://127.0.0.1:{ports.chat}",
            "link_url": f"http://127.0.0.1:{ports.chat}",
            "admins": [ADMIN_ID],
            "limits": {"overall_per_s": 0, "private_per_s": 0, "group_per_min": 0},
        },
        "chat": {
            "assistant": {"provider": "stand-in", "model": "stand-in-chat"},
            "transcription": {"provider": "stand-in", "model": "stand-in-transcribe"},
            "vision": {"provider": "stand-in", "model": "stand-in-chat"},
        },
        "datasets": {"default": script.dataset},
        "plans": {"free": _FREE, "plus": _PLUS, "voices": _VOICES},
        "payments": _payments(ports),
        "api": {
            "listen": f"127.0.0.1:{ports.api}",
            "public_url": f"http://127.0.0.1:{ports.api}",
        },
        "daemon": {"tick_s": 0.2, "quiet_s": 1},
    }
