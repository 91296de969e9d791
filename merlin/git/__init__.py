"""The git repository of datasets: mirror, reads and pushes."""
