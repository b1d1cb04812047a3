"""Who is let in: sessions and tokens, origins, limits, headers, refusals."""
