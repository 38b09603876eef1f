"""The registry as static web pages: what is known of each card, laid out so that a claim leads to its arithmetic."""
