"""The page at ``/`` of the server: tabs/, and how they show things. It draws through the live batch only."""
