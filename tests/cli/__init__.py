"""Tests of the command line, told as stories."""
