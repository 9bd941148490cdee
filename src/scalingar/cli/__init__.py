"""The command line. Modules imported at start-up do without torch, so that ``--help`` answers at once."""
