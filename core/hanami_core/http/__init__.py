"""What plugins say about HTTP. Knows no server and no wire format."""
