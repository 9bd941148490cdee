"""A run made in independent parts, each in a folder of its own, and put together afterwards."""
