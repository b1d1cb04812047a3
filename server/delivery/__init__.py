"""The one way out: streams, listeners, frames, and word of other processes."""
