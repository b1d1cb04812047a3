"""The operator's files, rules and units: what the product ships, and how they are read and checked."""
