"""Template and person to content: Liquid behind budgets."""
