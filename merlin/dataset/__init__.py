"""What a dataset is and whether it is good: reading, checking and counting examples.

Pure domain: it is handed bytes and tree entries by a `Source` and knows no git, no database
and no provider.
"""
