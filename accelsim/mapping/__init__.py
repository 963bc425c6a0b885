"""How work is laid onto hardware: pure functions of plain numbers, read and tested without a chip."""
