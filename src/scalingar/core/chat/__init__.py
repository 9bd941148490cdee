"""Asking a vision-language model over OpenAI's protocol: bounded requests, replies, what is kept. Not what is asked."""
