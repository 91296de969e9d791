"""What MkDocs asks for when it builds the site: the parts of pages that the code itself tells.

A line `<!-- built: NAME -->` of a page becomes the part of that name, in the page's language.
"""

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from docs.build.asvs import asvs_told
from docs.build.commands import commands_told
from docs.build.database import tables_told
from docs.build.openapi import collection, described, json_text
from docs.build.roles import role_table
from docs.build.rules import rules_told
from docs.build.states import states_told
from docs.build.tried import tried_told

ROOT = Path(__file__).parents[2]
PARTS: Mapping[str, Callable[[str], str]] = {
    "asvs": asvs_told,
    "commands": lambda _: commands_told(),
    "database": lambda _: tables_told(),
    "roles": lambda _: role_table(),
    "rules": rules_told,
    "tried": tried_told,
    "states": states_told,
}
_MARK = re.compile(r"^<!-- built: (\w+) -->$", re.MULTILINE)
# A file of the repository that is no page: named, as the site has no place for it.
_OUTSIDE = re.compile(r"\[([^\]]+)\]\((?:\.\./)+([A-Z][\w.]*\.md)\)")


def on_config(config: Any, **_: object) -> None:
    """Put every decision into the navigation."""
    decisions = sorted((Path(config.docs_dir) / "adr").glob("*.md"))
    parts = [part for part in config.nav if "Decisions" not in part]
    config.nav = [
        *parts,
        {"Decisions": [f"adr/{decision.name}" for decision in decisions]},
    ]


def on_page_markdown(markdown: str, page: Any, **_: object) -> str:
    """Return a page with its parts."""
    language = "ru" if page.file.src_uri.startswith("ru/") else "en"
    told = _MARK.sub(lambda found: PARTS[found[1]](language), markdown)
    return _OUTSIDE.sub(r"\1 (`\2`)", told)


def on_post_build(config: Any, **_: object) -> None:
    """Write the description of the API and the picture of the tab beside the pages."""
    site = Path(config.site_dir)
    shutil.copy(ROOT / "merlin" / "web" / "static" / "favicon.svg", site)
    (site / "openapi.json").write_text(json_text(described()), "utf-8")
    (site / "postman.json").write_text(json_text(collection(described())), "utf-8")
