"""Files in both directions, and getMe."""

import pytest
from telegram.error import BadRequest

from merlin.sandbox.telegram.arguments import Upload

pytestmark = pytest.mark.functional


def test_file_over_20_megabytes_cannot_be_downloaded(telegram, call):
    big = Upload("big.bin", "application/octet-stream", bytes(20 * 1024 * 1024 + 1))
    telegram.send_file("anna", big)
    file_id = telegram.log("anna")[0].message["document"]["file_id"]
    with pytest.raises(BadRequest, match="File is too big"):
        call(lambda bot: bot.get_file(file_id))
