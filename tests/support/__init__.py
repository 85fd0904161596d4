"""What tests of several folders share, by what it is for; nothing in here is a test."""
