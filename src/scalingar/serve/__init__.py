"""An HTTP server as OpenAI's images API has it, over one live batch, and its page in studio/. No command line."""
