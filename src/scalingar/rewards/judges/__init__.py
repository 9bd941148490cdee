"""Rewards that ask a vision-language model about pictures. None of them judges for a benchmark what it chose."""
