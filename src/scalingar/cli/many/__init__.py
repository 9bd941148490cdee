"""One command on several prompts, or under several strategies. What happens to one of them is outside."""
