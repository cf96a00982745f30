"""The trees that are backed up, by name, the most important first."""
import fetched
import made

CORPORA = {corpus.name: corpus for corpus in (
    fetched.Kernel, made.Database, made.Records, fetched.Tars, fetched.Disk,
    made.Media)}
