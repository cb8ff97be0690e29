"""What is driven by rows: a learner with its columns, looked after. A row in, a forecast out."""
