"""Storage: the database, and the blobs that lie beside it. Knows no table of any feature."""
