"""Several servers behind one address, each in a process or on a machine of its own."""
