"""Group: what is different where several people speak, and inline queries."""
