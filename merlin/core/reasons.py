"""The usual English reasons of libraries and the operating system -> `reason-<key>`, in Fluent.

They reach people as the arguments `reason` and `words` of texts; other reasons stay English.
"""

from __future__ import annotations

REASONS = {
    "No such file or directory": "no-file",
    "Is a directory": "is-folder",
    "Not a directory": "no-folder",
    "Permission denied": "no-permission",
    "Operation not permitted": "no-permission",
    "No space left on device": "disk-full",
    "Disk quota exceeded": "disk-full",
    "database or disk is full": "disk-full",
    "Read-only file system": "read-only",
    "attempt to write a readonly database": "read-only",
    "File exists": "exists",
    "Too many levels of symbolic links": "loop",
    "File name too long": "long-name",
    "Input/output error": "disk-error",
    "disk I/O error": "disk-error",
    "Too many open files": "many-files",
    "Address already in use": "address-used",
    "Cannot assign requested address": "no-address",
    "Connection refused": "refused",
    "Expecting value": "json-value",
    "Expecting property name enclosed in double quotes": "json-key",
    "Expecting ',' delimiter": "json-comma",
    "Expecting ':' delimiter": "json-colon",
    "Extra data": "json-extra",
    "Unterminated string starting at": "json-string",
    "Invalid control character at": "json-control",
    "Invalid \\escape": "json-escape",
    "Invalid \\uXXXX escape": "json-escape",
    "Illegal trailing comma before end of object": "json-last-comma",
    "Illegal trailing comma before end of array": "json-last-comma",
    "too deep": "too-deep",
    "unexpected end of data": "csv-end",
    "File is not a zip file": "no-zip",
}
