"""State into HTML: words, sentences, fragments; nothing here answers a request."""
