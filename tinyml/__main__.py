"""`python -m tinyml`: the command `tinyml` of this interpreter, installed or not."""

from tinyml.cli import main

if __name__ == "__main__":
    main()
