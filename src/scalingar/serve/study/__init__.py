"""The page of a study: one question after the other; ``page/`` holds what a browser loads. Knows no model."""
