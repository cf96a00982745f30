"""The trees that are backed up, by name."""
import fetched
import made

CORPORA = {corpus.name: corpus for corpus in (
    fetched.Kernel, made.Media, made.Database, made.Records, fetched.Tars,
    fetched.Disk)}
