"""The commands that open a page or an API for others: server, studio, study."""
