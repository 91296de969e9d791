"""What went wrong with a call of the `openai` package, in Merlin's words.

    never sent (no connection, no name)               ProviderBusy
    sent, then silence or reset                       ProviderDoubt when the call creates, else Busy
    answered by a refusal                             as `openai_protocol.errors` judges it

No exception of `openai` or `httpx2` passes `provider_errors`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import openai

from merlin.core.errors import ProviderBusy, ProviderDoubt, ProviderError
from merlin.openai_protocol.errors import (
    InvalidResponse,
    ProviderRefusal,
    error_of_object,
    error_of_status,
    one_line,
)

_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
_NEVER_SENDABLE = (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, httpx2.InvalidURL)


@contextmanager
def provider_errors(*, creates: bool = False) -> Iterator[None]:
    """Turn everything that a call to a provider can raise into ProviderError and its kinds.

    `creates`: a call that must not be repeated blindly; doubt about it is ProviderDoubt.
    """
    unsure = ProviderDoubt if creates else ProviderBusy
    try:
        yield
    except openai.APIStatusError as error:
        raise error_of_status(_refusal(error), unsure) from error
    except openai.APIConnectionError as error:
        raise _of_connection(error.__cause__ or error, unsure) from error
    except openai.APIError as error:
        raise error_of_object(error.body, unsure, error.message) from error
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
        raise _of_connection(error, unsure) from error
    except TimeoutError as error:
        raise unsure("the provider took too long") from error
    except (InvalidResponse, UnicodeDecodeError, RecursionError) as error:
        raise unsure(f"the provider's answer is unreadable: {one_line(str(error))}") from error
    except (openai.OpenAIError, UnicodeEncodeError) as error:
        raise ProviderError(f"the call cannot be sent: {one_line(str(error))}") from error


def _refusal(error: openai.APIStatusError) -> ProviderRefusal:
    path = error.request.url.path
    return ProviderRefusal(error.status_code, error.response.headers, error.body, path)


def _of_connection(cause: BaseException, unsure: type[ProviderBusy]) -> ProviderError:
    words = one_line(f"{type(cause).__name__} {cause}".strip())
    if isinstance(cause, _NEVER_SENDABLE):
        return ProviderError(f"the call cannot be sent: {words}")
    if isinstance(cause, _NEVER_SENT):
        return ProviderBusy(f"the provider cannot be reached: {words}")
    return unsure(f"the connection to the provider broke: {words}")
