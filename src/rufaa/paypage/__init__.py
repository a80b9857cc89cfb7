"""The patient's page: where is my money, and how to pay. No sign-in: whoever has the link sees it."""
