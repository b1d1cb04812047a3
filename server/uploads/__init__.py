"""Files from outside: told by what is in them, made anew in a process that may be killed, or refused."""
