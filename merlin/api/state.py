"""What one application keeps between calls, beside its services."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from fastapi import FastAPI

from merlin.api.freshness import Freshness
from merlin.api.kept import Kept
from merlin.api.services import ApiServices


@dataclass(slots=True)
class CatalogueState:
    """The kept answers of one application, and how new they are."""

    app: FastAPI
    kept: Kept
    freshness: Freshness = field(default_factory=Freshness)

    @property
    def services(self) -> ApiServices:
        """Return the services as they are now."""
        return cast("ApiServices", self.app.state.services)


def state_of(app: FastAPI) -> CatalogueState:
    """Return what an application keeps of the catalogue."""
    return cast("CatalogueState", app.state.catalogue)
