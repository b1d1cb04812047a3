"""Reading what was pasted: time, place, people, kind and source of an incident in a Chinese text. Pure."""
