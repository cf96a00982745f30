"""One page that shows how far each target is met, as SVG."""
import math
from html import escape

WIDTH, LINE, LEFT, TOP = 1000, 20, 430, 84
# Measured over allowed, from a tenth to ten times.
DECADES = 1.0


def place(ratio):
    """Where on the page a @ratio lies; 1, just met, in the middle."""
    share = (math.log10(max(ratio, 1e-9)) + DECADES) / (2 * DECADES)
    return LEFT + min(max(share, 0), 1) * (WIDTH - LEFT - 130)


def text(x, y, words, more=''):
    return f'<text x="{x:.0f}" y="{y:.0f}" {more}>{escape(words)}</text>'


def bar(y, target, title, value):
    name = f'{title}, {target.corpus} {target.metric}'
    out = [text(LEFT - 8, y + 13, name, 'text-anchor="end"')]
    if value is None:
        return out + [text(LEFT + 4, y + 13, 'not measured', 'fill="#888"')]
    ratio = value / target.most
    begin, end = sorted((place(1), place(ratio)))
    colour = '#2a7f3f' if ratio <= 1 else '#b3392f'
    return out + [
        f'<rect x="{begin:.1f}" y="{y + 3}" width="{max(end - begin, 1):.1f}" '
        f'height="13" fill="{colour}"/>',
        text(WIDTH - 124, y + 13, f'{value:.3g} (≤ {target.most:g})')]


def svg(report):
    """A bar for each target: to the left of the middle it is met."""
    judged = list(report.judged())
    titles = {row.name: row.title for row in report.rows}
    height = TOP + LINE * len(judged) + 20
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
           f'height="{height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
           text(12, 22, 'caprock: measured over what is aimed at, '
                        'logarithmic', 'font-size="15"'),
           text(12, 42, report.about()[0]),
           text(12, 60, report.count())]
    for ratio in (0.1, 0.2, 0.5, 1, 2, 5, 10):
        x = place(ratio)
        out += [f'<line x1="{x:.1f}" y1="{TOP - 4}" x2="{x:.1f}" '
                f'y2="{height - 16}" stroke="{"#333" if ratio == 1 else "#ddd"}'
                '"/>', text(x, TOP - 8, f'{ratio:g}', 'text-anchor="middle"')]
    for number, (target, value) in enumerate(judged):
        out += bar(TOP + LINE * number, target, titles[target.row], value)
    return '\n'.join([*out, '</svg>', ''])
