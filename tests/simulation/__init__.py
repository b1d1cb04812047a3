"""E28: the real store, hub, relay and watch of several processes in one thread, in a time of our own.

One seed is one history: every delay, fault and word comes from it, so a history that went wrong can be seen
again. Only what lies outside is simulated: the disk's and the network's moods, the clocks, the people.

`world.py` is a history; `disk.py`, `node.py` and `people.py` are what is in it; `judge.py` says what was
wrong with it; `planted.py` holds bugs that must be found.
"""
