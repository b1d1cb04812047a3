"""The rules of the trade, pure: state and time come in as arguments, events or a refusal go out."""
