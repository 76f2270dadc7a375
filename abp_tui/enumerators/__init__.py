"""Sources of items: each enumerator finds them and says what an item looks like."""
