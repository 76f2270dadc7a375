"""`python -m abp_tui` is `abp`."""

from abp_tui.cli import main

if __name__ == "__main__":
    main()
