"""What ``rufaa doctor`` looks at. Each module looks at one thing and answers findings; nothing here changes anything,
except that an M-Pesa account's shared access token may be renewed.
"""
