#!/usr/bin/python3
"""What the bench makes of samples: ratios, targets, merging, pages.

No program is run and nothing is timed; the samples are made up.
"""
import importlib.machinery
import importlib.util
import pathlib
import tempfile
import unittest
import unittest.mock
import xml.etree.ElementTree

import measure
import plot
import report
import results
import rows
import runner
import tools
from measure import MIB, Sample
from results import FLOOR, Findings, Result

NAMES = [row.name for row in rows.ROWS]
TOOLS = [tool.name for tool in tools.TOOLS]
TARGETS = (pathlib.Path(__file__).parent / 'targets').read_text('ascii')


def about(digest='d1'):
    return {'identity': 'made up', 'digest': digest, 'entries': 3,
            'bytes': 10**6, 'derivation': {'restic': 0.5, 'borg': 0.1}}


def found(*results_of, corpora=None, versions=None, machine=None):
    made = Findings(versions or {'caprock': '1', 'restic': '2'},
                    machine or {'processor': 'one', 'cores': 2})
    made.corpora = corpora or {'K': about()}
    for result in results_of:
        made.add(result)
    return made


def result(row, tool, *walls, corpus='K', **more):
    return Result(corpus, row, tool, [Sample(wall, wall * 2, **more)
                                      for wall in walls])


def page(made, text='first K wall peer 0.35'):
    return report.Report(made, rows.ROWS, TOOLS, tools.PEERS,
                         results.parse_targets(text, NAMES))


class Ratios(unittest.TestCase):

    def value_of(self, made, text):
        (_, value), = page(made, text).judged()
        return value

    def test_of_several_runs_the_median_counts(self):
        made = found(result('first', 'caprock', 9, 1, 2),
                     result('first', FLOOR, 4, 4, 40))
        self.assertEqual(self.value_of(made, 'first K wall floor 1'), 0.5)

    def test_of_memory_the_largest_counts(self):
        one = Result('K', 'first', 'caprock', [
            Sample(1, 1, 100 * MIB), Sample(1, 1, 300 * MIB)])
        self.assertEqual(
            self.value_of(found(one), 'first K memory value 400'), 300)

    def test_the_better_peer_counts_and_without_its_key_derivation(self):
        made = found(result('first', 'caprock', 1),
                     result('first', 'restic', 3), result('first', 'borg', 2.1))
        self.assertAlmostEqual(
            self.value_of(made, 'first K wall peer 0.35'), 0.5)
        # Rows of an open mount contain none.
        made = found(result('tar', 'caprock', 1), result('tar', 'restic', 3),
                     result('tar', 'borg', 2.5))
        self.assertAlmostEqual(
            self.value_of(made, 'tar K wall peer 0.12'), 0.4)

    def test_an_image_is_no_peer(self):
        made = found(result('find', 'caprock', 1), result('find', 'restic', 2),
                     result('find', 'squashfuse', 0.1))
        self.assertEqual(self.value_of(made, 'find K wall peer 0.1'), 0.5)

    def test_a_row_can_be_held_against_another(self):
        made = found(result('read-64', 'caprock', 1, corpus='D'),
                     result('read', 'caprock', 4, corpus='D'),
                     corpora={'D': about()})
        self.assertEqual(self.value_of(made, 'read-64 D wall read 1'), 0.25)

    def test_what_failed_is_unknown_and_said(self):
        broken = Result('K', 'first', 'caprock', [], 'exit 4: on fire')
        made = found(broken, result('first', 'restic', 3))
        self.assertIsNone(self.value_of(made, 'first K wall peer 0.35'))
        self.assertIn('FAILED first, caprock: exit 4: on fire',
                      page(made).text())
        self.assertIn('not measured', page(made).text())


class Targets(unittest.TestCase):

    def test_those_of_the_file_are_of_rows_on_their_corpora(self):
        known = {row.name: row for row in rows.ROWS}
        parsed = results.parse_targets(TARGETS, NAMES)
        self.assertGreater(len(parsed), 50)
        for target in parsed:
            row = known[target.row]
            self.assertIn(target.corpus, row.corpora)
            if target.against == 'floor':
                self.assertTrue(row.floor)
            if target.against == 'peer':
                self.assertIn(target.corpus, row.peers)
            if target.against in known:
                self.assertIn(target.corpus, known[target.against].corpora)

    def test_a_line_for_several_corpora_is_a_target_for_each(self):
        parsed = results.parse_targets('# one\nfirst KR wall peer 0.35 # x\n',
                                       NAMES)
        self.assertEqual([one.corpus for one in parsed], ['K', 'R'])
        self.assertEqual(parsed[0].most, 0.35)

    def test_a_line_that_means_nothing_is_refused_with_its_number(self):
        for line in ('first K wall peer', 'first K wall peer soon',
                     'fist K wall peer 1', 'first K wal peer 1',
                     'first K wall pear 1', 'first K wall peer 1 2'):
            with self.assertRaisesRegex(ValueError, 'line 2'):
                results.parse_targets('\n' + line, NAMES)

    def test_met_and_missed_are_told_apart(self):
        for ours, word in ((1.0, 'met'), (3.0, 'MISSED')):
            made = found(result('first', 'caprock', ours),
                         result('first', 'restic', 4.5),
                         result('first', 'borg', 5))
            table = list(page(made).target_table())
            self.assertEqual(table[1][-1], word)
        self.assertIn('0 of 1 targets met', page(made).text())


class Merging(unittest.TestCase):

    def test_rows_of_an_earlier_run_stay(self):
        old = found(result('first', 'caprock', 1), result('tar', 'caprock', 2))
        new = found(result('first', 'caprock', 7))
        self.assertEqual(new.take_over(old), 1)
        self.assertEqual(new.value('K', 'first', 'caprock', 'wall'), 7)
        self.assertEqual(new.value('K', 'tar', 'caprock', 'wall'), 2)

    def test_a_row_is_taken_whole_or_not_at_all(self):
        old = found(result('first', 'caprock', 1), result('first', 'borg', 9))
        new = found(result('first', 'caprock', 7))
        self.assertEqual(new.take_over(old), 0)
        self.assertIsNone(new.of('K', 'first', 'borg'))

    def test_another_program_corpus_or_machine_is_left_behind(self):
        old = found(result('tar', 'caprock', 2))
        for new in (found(versions={'caprock': '1', 'restic': '3'}),
                    found(corpora={'K': about('d2')}),
                    found(machine={'processor': 'two', 'cores': 2})):
            self.assertEqual(new.take_over(old), 0)
        self.assertEqual(found().take_over(old), 1)

    def test_a_corpus_that_was_not_looked_at_stays(self):
        old = found(result('tar', 'caprock', 2, corpus='D'),
                    corpora={'D': about()})
        new = found(result('tar', 'caprock', 1))
        self.assertEqual(new.take_over(old), 1)
        self.assertEqual(sorted(new.corpora), ['D', 'K'])

    def test_what_is_written_is_read(self):
        made = found(result('first', 'caprock', 1, 2, size=10**6),
                     Result('K', 'first', 'borg', [], 'broken'))
        again = Findings.parse(made.document())
        self.assertEqual(again.results, made.results)
        self.assertEqual(again.document(), made.document())

    def test_anything_else_is_refused(self):
        for text in ('{}', '[]', '{"versions": {}', '{"versions": {}, '
                     '"machine": {}, "corpora": {}, "results": [{}]}'):
            with self.assertRaises(ValueError):
                Findings.parse(text)


class Pages(unittest.TestCase):

    def full(self):
        """A result of every row, with every tool that takes part."""
        made = found(corpora={name: about() for name in 'KDRTVM'})
        for row in rows.ROWS:
            for name in row.corpora:
                for number, tool in enumerate([*TOOLS, FLOOR]):
                    made.add(result(row.name, tool, number + 1, number + 2,
                                    corpus=name, memory=MIB, size=10**6))
        return page(made, TARGETS)

    def test_all_rows_and_targets_are_in_the_tables(self):
        full = self.full()
        for text in (full.text(), full.markdown()):
            for row in rows.ROWS:
                self.assertIn(row.title, text)
        self.assertIn(', 0 not measured', full.text())
        widths = {line.count('|') for line in full.markdown().splitlines()
                  if line.startswith('| first backup')}
        self.assertEqual(len(widths), 1)

    def test_the_plot_is_well_formed_and_has_every_target(self):
        full = self.full()
        for drawn in (full, page(found())):
            root = xml.etree.ElementTree.fromstring(plot.svg(drawn))
            self.assertTrue(root.tag.endswith('svg'))
        shown = plot.svg(full)
        self.assertEqual(shown.count('(≤ '), len(full.targets))


class Plans(unittest.TestCase):

    def test_how_often_a_row_is_run(self):
        plan = runner.Plan([], least=2, most=5, seconds=600)
        self.assertTrue(plan.again(1, 10_000))
        self.assertFalse(plan.again(2, 10_000))
        self.assertTrue(plan.again(4, 10))
        self.assertFalse(plan.again(5, 10))
        # A third would end after 601 seconds.
        self.assertFalse(plan.again(2, 401))


class Cases(unittest.TestCase):

    def test_what_a_case_runs_is_settled_before_and_said_after(self):
        loader = importlib.machinery.SourceFileLoader(
            'scale', str(pathlib.Path(__file__).parent / 'scale'))
        scale = importlib.util.module_from_spec(
            importlib.util.spec_from_loader('scale', loader))
        loader.exec_module(scale)
        done = Sample(1.0, 2.0, memory=3 * MIB)
        # With the signatures of what they stand for.
        with tempfile.TemporaryDirectory() as folder, \
                unittest.mock.patch.object(measure, 'settle',
                                           autospec=True) as settle, \
                unittest.mock.patch.object(measure, 'command', autospec=True,
                                           return_value=done), \
                unittest.mock.patch('builtins.print') as said:
            tools.Caprock.build = pathlib.Path(folder)
            case = scale.Scale('made', pathlib.Path(folder) / 'made', 0.5)
            self.assertEqual(case.count(100), 50)
            self.assertIs(case.run('it', ['true']), done)
            settle.assert_called_once_with(case.filler)
            said.assert_called_once_with(
                'made: it: 1.0 s, CPU 2.0 s, peak 3 MiB', flush=True)
            case.close()


if __name__ == '__main__':
    unittest.main()
