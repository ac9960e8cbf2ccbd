import { describe, expect, it } from 'vitest';
import {
  type CheckOutcome,
  type CheckReport,
  type CheckResult,
  exitCodeFor,
  type FailOn,
  renderChecksMarkdown,
  renderChecksTable,
  renderGithub,
  renderJunit,
  verdict,
} from '../../../src/checks/index.js';
import { countLevels, worstLevel } from '../../../src/checks/report.js';

function result(fields: Partial<CheckResult> = {}): CheckResult {
  return {
    grain: {},
    value: 1,
    level: 'pass',
    threshold: null,
    samples: [],
    details: {},
    rows: 1,
    message: '1',
    ...fields,
  };
}

function outcome(name: string, results: CheckResult[], fields: Partial<CheckOutcome> = {}): CheckOutcome {
  return {
    name,
    version: 1,
    title: `About ${name}`,
    level: worstLevel(results.map((r) => r.level)),
    severity: 'error',
    warn: '< 99',
    error: '< 95',
    unit: '%',
    params: {},
    results,
    failure: null,
    sql_sha256: 'ab',
    file: `checks/${name}.sql`,
    sql_line: 9,
    shipped: false,
    started_at: '2026-02-10T06:00:00.000Z',
    duration_ms: 12,
    ...fields,
  };
}

function broken(name: string, message: string): CheckOutcome {
  const failure = { code: 'SQL', message, place: null, hint: null };
  return outcome(name, [], { level: 'failed_to_run', failure });
}

function report(...checks: CheckOutcome[]): CheckReport {
  return {
    run_id: 'run-1',
    ledger_version: 7,
    totals: countLevels(checks),
    checks,
    tool_version: '0.1.0',
    git_commit: null,
    result_version: 1,
    storage_failure: null,
  };
}

const bad = (day: string, value = 94.996): CheckResult =>
  result({
    grain: { day },
    value,
    level: 'error',
    threshold: '< 95',
    message: `${value} % is < 95`,
    samples: [{ day }],
  });
const warned = (day: string): CheckResult =>
  result({ grain: { day }, value: 97, level: 'warn', threshold: '< 99', message: '97 % is < 99' });

describe('exit codes', () => {
  const pass = outcome('a', [result()]);
  const warn = outcome('b', [warned('d')]);
  const error = outcome('c', [bad('d')]);
  it.each<[string, CheckOutcome[], Record<FailOn, number>]>([
    ['nothing', [], { error: 0, warn: 0, never: 0 }],
    ['pass', [pass], { error: 0, warn: 0, never: 0 }],
    ['warn', [pass, warn], { error: 0, warn: 1, never: 0 }],
    ['error', [warn, error], { error: 1, warn: 1, never: 0 }],
    ['failed to run', [error, broken('d', 'x')], { error: 3, warn: 3, never: 3 }],
  ])('%s', (_, checks, codes) => {
    for (const failOn of ['error', 'warn', 'never'] as const) {
      expect(exitCodeFor(report(...checks), failOn), failOn).toBe(codes[failOn]);
    }
    expect(exitCodeFor(report(...checks))).toBe(codes.error);
  });

  it('results that are not stored are a failure of the tool', () => {
    const storage_failure = { code: 'STORAGE', message: 'full', place: null, hint: null };
    expect(exitCodeFor({ ...report(pass), storage_failure }, 'never')).toBe(3);
  });
});

describe('table', () => {
  it('has a row per check and grain, the worst of a check first', () => {
    const rows = renderChecksTable(
      report(
        outcome('rate', [result({ grain: { day: 'a' }, value: 100 }), warned('b'), bad('c')]),
        broken('x', 'no table'),
      ),
    );
    expect(rows).toEqual([
      {
        level: 'error',
        check: 'rate',
        version: 1,
        grain: 'day=c',
        value: '94.996 %',
        threshold: '< 95',
        duration: '12 ms',
      },
      { level: 'warn', check: 'rate', version: 1, grain: 'day=b', value: '97 %', threshold: '< 99', duration: '12 ms' },
      {
        level: 'pass',
        check: 'rate',
        version: 1,
        grain: 'day=a',
        value: '100 %',
        threshold: 'warn < 99, error < 95',
        duration: '12 ms',
      },
      {
        level: 'failed_to_run',
        check: 'x',
        version: 1,
        grain: '',
        value: '',
        threshold: 'no table',
        duration: '12 ms',
      },
    ]);
  });

  it('folds many grains of one level into a range', () => {
    const grains = (n: number): CheckResult[] =>
      Array.from({ length: n }, (_, i) => result({ grain: { day: i }, value: 100 - i / 10 }));
    expect(renderChecksTable(report(outcome('rate', grains(10))))).toHaveLength(10);
    const rows = renderChecksTable(report(outcome('rate', [...grains(11), bad('x')])));
    expect(rows).toHaveLength(11);
    expect(rows[0]).toMatchObject({ level: 'error', grain: 'day=x' });
    expect(rows[10]).toMatchObject({ level: 'pass', grain: '2 more', value: '99 % … 99.1 %' });
    expect(renderChecksTable(report(outcome('e', [result({ value: null })], { unit: null })))[0]!.value).toBe('NULL');
  });

  it('says it in one sentence', () => {
    expect(verdict(report(outcome('a', [result()]), broken('b', 'x'), broken('c', 'x')))).toBe(
      '3 checks: 1 pass, 2 failed to run',
    );
    expect(verdict(report(outcome('a', [warned('x')])))).toBe('1 check: 1 warn');
    expect(verdict(report())).toBe('0 checks: nothing to run');
  });
});

describe('markdown', () => {
  it('is the same text for the same findings, whenever they were made', () => {
    const first = report(outcome('rate', [bad('c'), result()]));
    const again = {
      ...report(outcome('rate', [bad('c'), result()], { duration_ms: 99, started_at: 'later' })),
      run_id: 'run-2',
    };
    expect(renderChecksMarkdown(first)).toBe(renderChecksMarkdown(again));
    expect(renderChecksMarkdown(first)).toBe(`### Ledger checks

1 check: 1 error (ledger version 7)

|  | level | check | grain | value | threshold |
| --- | --- | --- | --- | --- | --- |
| ❌ | error | rate@1 | day=c | 94.996 % | &lt; 95 |
| ✅ | pass | rate@1 |  | 1 % | warn &lt; 99, error &lt; 95 |

**rate day=c**: 94.996 % is &lt; 95

\`\`\`json
{"day":"c"}
\`\`\`
`);
  });

  it('no value breaks out of its cell or its block', () => {
    const evil = 'a|b\nc <script> `x` ```` *';
    const text = renderChecksMarkdown(report(outcome('rate', [bad(evil)]), broken('x', evil)));
    const rows = text.split('\n').filter((line) => line.startsWith('|'));
    expect(rows).toHaveLength(4);
    for (const row of rows) expect(row.match(/(?<!\\)\|/g)).toHaveLength(7);
    expect(text.split('`````json')).toHaveLength(2);
    expect(rows.join()).not.toContain('<script');
  });

  it('says that the results are not kept', () => {
    const storage_failure = { code: 'STORAGE', message: 'the disk is full', place: null, hint: null };
    expect(renderChecksMarkdown({ ...report(), storage_failure })).toContain('Not stored: the disk is full');
  });
});

describe('junit', () => {
  it('error is a failure, a check that did not run an error, a warning passes and says so', () => {
    const text = renderJunit(report(outcome('rate', [bad('c'), warned('b'), result()]), broken('x', 'no table')));
    expect(text).toContain('<testsuites name="lakeledger check" tests="4" failures="1" errors="1">');
    expect(text).toContain('<testsuite name="rate@1" tests="3" failures="1" errors="0" time="0.012"');
    expect(text).toContain('<testsuite name="x@1" tests="1" failures="0" errors="1"');
    expect(text).toContain('classname="checks.rate" name="rate[day=c]" file="checks/rate.sql" time="0.004"');
    expect(text).toContain(
      '<failure type="error" message="94.996 % is &lt; 95">&lt; 95&#10;{&quot;day&quot;:&quot;c&quot;}',
    );
    expect(text).toContain('<system-out>warn: 97 % is &lt; 99');
    expect(text).toContain('<error type="SQL" message="no table"/>');
    expect(text).toContain('<property name="value" value="94.996"/>');
    expect(text.match(/<testcase /g)).toHaveLength(4);
  });

  it('holds no character that XML forbids', () => {
    const evil = `a\u0000\u001b[31m\ud800\uffff"'<&>]]>\n\t😀`;
    const text = renderJunit(report(outcome('rate', [bad(evil)]), broken('x', evil)));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what XML forbids
    expect(text).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/);
    expect(Buffer.from(text, 'utf8').toString('utf8')).toBe(text);
    expect(text).toContain('message="a\ufffd\ufffd[31m\ufffd\ufffd&quot;\'&lt;&amp;&gt;]]&gt;&#10;&#9;😀"');
    expect(text).not.toContain(']]>');
    const open = text.match(/<[a-z-]+(?: [^>]*[^/])?>/g)!.length;
    expect(text.match(/<\/[a-z-]+>/g)).toHaveLength(open);
  });
});

describe('github', () => {
  it('is silent when all pass', () => expect(renderGithub(report(outcome('a', [result()])))).toBe(''));

  it('is one annotation per check, worst first, escaped', () => {
    const shipped = outcome('rate', [warned('x'), bad('a\nb%', 1), bad('c'), bad('d'), bad('e')], { shipped: true });
    const text = renderGithub(
      report(outcome('w', [warned('x')]), shipped, { ...broken('x', 'line 1\r\n100%'), file: 'my,checks/x:1.sql' }),
    );
    expect(text.split('\n')).toEqual([
      '::error file=my%2Cchecks/x%3A1.sql,line=9,title=x@1%3A About x::could not be evaluated: line 1%0D%0A100%25',
      '::error title=rate@1%3A About rate::day=a%0Ab%25: 1 %25 is < 95%0Aday=c: 94.996 %25 is < 95%0Aday=d: 94.996 %25 is < 95%0Aand 2 more',
      '::warning file=checks/w.sql,line=9,title=w@1%3A About w::day=x: 97 %25 is < 99',
      '',
    ]);
  });

  it('has at most ten of each kind; the tenth names the rest', () => {
    const many = (n: number, make: (name: string) => CheckOutcome): CheckOutcome[] =>
      Array.from({ length: n }, (_, i) => make(`c${i}`));
    const lines = (...checks: CheckOutcome[]): string[] =>
      renderGithub(report(...checks))
        .trim()
        .split('\n');
    expect(lines(...many(10, (name) => outcome(name, [bad('x')])))).toHaveLength(10);
    const all = lines(
      ...many(12, (name) => outcome(name, [bad('x')])),
      ...many(11, (name) => outcome(name, [warned('x')])),
    );
    expect(all.filter((line) => line.startsWith('::error'))).toHaveLength(10);
    expect(all.filter((line) => line.startsWith('::warning'))).toHaveLength(10);
    expect(all[9]).toBe('::error title=3 more checks::c9, c10, c11');
    expect(all[19]).toBe('::warning title=2 more checks::c9, c10');
  });
});
