"""What a refused act says."""

import pytest


def catch(kind, act, *arguments, **options):
    """Call an act that raises an error of this kind; return the error."""
    with pytest.raises(kind) as caught:
        act(*arguments, **options)
    return caught.value


def refusal_key(kind, act, *arguments, **options):
    """Call an act that raises an error of this kind; return the key of its text."""
    return catch(kind, act, *arguments, **options).key
