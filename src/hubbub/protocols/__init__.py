"""What clients speak: text in, commands out; facts and replies in, text out. Pure, no protocol knows another."""
