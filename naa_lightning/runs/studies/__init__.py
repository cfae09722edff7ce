"""Studies: runs that answer a question about an attack instead of carrying it out."""
