"""What the next-scale families share. Nothing that only one of them needs."""
