"""The page at ``/`` of the server: one file per tab, and how they show things. It draws through the live batch only."""
