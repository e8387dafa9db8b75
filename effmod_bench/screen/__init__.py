"""What a person sees. It takes what is finished, and knows no command."""
