"""Till: the api's side of YooKassa, the only process that talks to it."""
