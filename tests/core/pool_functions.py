"""Functions that the processes of a pool call; without pytest, whose import takes them a second."""

import os


def get_pid(_number):
    return os.getpid()


def refuse(refused_number, number):
    if number == refused_number:
        raise LookupError(number)
    return number
