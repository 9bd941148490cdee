"""What runs through transformers: Janus, Emu3, pictures for CLIP. Nothing that another library could run as well."""
