"""An HTTP server as OpenAI's images API has it, over one live batch. No decoding and no command line."""
