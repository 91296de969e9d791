"""What people and programs can do, one function an act; see `merlin.app.context`."""
