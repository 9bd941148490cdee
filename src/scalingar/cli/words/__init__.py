"""What the words of a command line mean: prompts, settings and paths. Options and what commands do are beside it."""
