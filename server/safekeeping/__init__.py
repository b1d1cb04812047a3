"""What is done so that the record outlives machines and doubts: verification, backup, restore."""
