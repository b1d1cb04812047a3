"""Out of the house: messages by robots, SMS gateways and mail. Nothing else speaks to other hosts."""
