"""What is read from AWS, as plain values."""
