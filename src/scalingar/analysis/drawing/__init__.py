"""What analyses draw themselves, kept in a folder so that a stopped one goes on. Not what it is drawn for."""
