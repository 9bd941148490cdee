"""A study with people: what they are shown, what they answered, and what that says; the page is in ``serve``."""
