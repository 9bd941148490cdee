"""Captions as the published text-to-image models read them: cleaned, encoded by T5, kept on disk."""
