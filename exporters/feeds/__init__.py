"""What is fed to a file: one rule for what nobody says, the words for what somebody does, and the values of both."""
