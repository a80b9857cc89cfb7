from rufaa.cli import main

main()
