"""A configuration with every part switched on, and the credentials it needs."""

import yaml

PROCESSES = ("engine", "daemon", "bot", "api")
TOKEN = "4242:AAE-a-token-that-only-the-stand-in-knows"
ENGINE_KEY = "a-key-between-our-own-processes"
CREDENTIALS = {
    "TELEGRAM_BOT_TOKEN": TOKEN,
    "TELEGRAM_PROXY_LOGIN": "merlin:a-password-that-no-proxy-knows",
    "MERLIN_ENGINE_KEY": ENGINE_KEY,
    "OPENAI_API_KEY": ENGINE_KEY,
    "PGPASSWORD": "a-password-that-no-server-asks-for",
    "MERLIN_TEXT_KEY": "c2l4dGVlbiBieXRlcyBhcmUgbm90IGVub3VnaCBoZXI=",
    "YOOKASSA_SHOP_ID": "100500",
    "YOOKASSA_SECRET_KEY": "test_a-key-that-no-shop-has",
    "MERLIN_GIT_HOOK_SECRET": "a-word-that-the-git-host-was-told",
    "MERLIN_GIT_LOGIN": "merlin:a-password-that-no-git-server-knows",
    "MERLIN_FORGE_TOKEN": "a-token-that-may-write-statuses",
    "MERLIN_PING_URL": "http://127.0.0.1:9/ping/a-word-that-the-monitor-gave",
}
# Secrets that must never appear in a log or on the metrics page.
_OF_STAND_INS = {"sk-of-the-tests", "AA-the-token-of-the-stand-in-bot-1"}
SECRETS = {*CREDENTIALS.values(), *_OF_STAND_INS} - {CREDENTIALS["YOOKASSA_SHOP_ID"]}


def full_config(
    state_dir, repository, *, telegram, api="127.0.0.1:8701", engine="127.0.0.1:8702"
):
    """Return the YAML of a configuration with all parts, whose providers are its own engine.

    `telegram` is the URL of a Bot API; `api` and `engine` are listen addresses.
    """
    titles = {"ru": "Тариф", "en": "Plan"}
    model_choice = "openai/recall"
    provider = {"base_url": f"http://{engine}/v1", "settle_s": 0}
    unreachable = "http://127.0.0.1:9"
    return yaml.safe_dump(
        {
            "state_dir": str(state_dir),
            "language": "en",
            "repository": {
                "url": str(repository),
                "interval_s": 0.5,
                "statuses": {
                    "kind": "gitea",
                    "url": f"{unreachable}/api/v1",
                    "project": "school/it",
                },
            },
            "providers": [
                {"name": "engine", **provider},
                {"name": "openai", **provider},
            ],
            "models": {
                "recall": {
                    "price": {"currency": "USD", "input": 0, "output": 0, "training": 0}
                }
            },
            "budget": {"per_job": 5, "per_month": 50, "answers": {"per_day": 5}},
            "telegram": {
                "base_url": telegram,
                "mode": "webhook",
                "webhook_url": "https://merlin.example.com/hooks/telegram",
                "admins": [1003],
            },
            "chat": {
                "streaming": "off",
                "assistant": model_choice,
                "transcription": model_choice,
                "vision": model_choice,
            },
            "datasets": {"default": "neurotypology"},
            "plans": {
                "free": {"title": titles, "text": {"day": 20}},
                "plus": {
                    "title": titles,
                    "price": {"rub": 299, "stars": 200},
                    "days": 30,
                },
            },
            "payments": {
                "yookassa": {
                    "base_url": f"{unreachable}/v3",
                    "test": True,
                    "receipt": {"vat_code": 1},
                },
            },
            "retention": {"turns_days": 365},
            "api": {
                "listen": api,
                "public_url": "https://merlin.example.com",
            },
            "engine": {
                "listen": engine,
                "models": {"elsewhere": {"hub": "example/elsewhere"}},
            },
            "daemon": {"quiet_s": 0},
        },
        allow_unicode=True,
        sort_keys=False,
    )
