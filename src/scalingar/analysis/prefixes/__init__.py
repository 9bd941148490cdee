"""How much of an image its prefix decides: the same prefix, completed often. Nothing that a strategy looks with."""
