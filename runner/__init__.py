"""What is done with a card: plan, data, model, training, evaluation, audit, rendering."""
