"""Fictitious and replayed days, all through the public interface: newcomer city, demo, dispatch logs."""
