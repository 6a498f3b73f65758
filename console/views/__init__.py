"""What is drawn; nothing here asks AWS."""
