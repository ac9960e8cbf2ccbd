import { describe, expect, it } from 'vitest';
import { globalOptions } from '../../../src/cli/global-options.js';
import type { OptionSpecs } from '../../../src/cli/option-spec.js';
import { envName, type Inputs, resolveOptions } from '../../../src/cli/resolve-options.js';
import { settingsOptions } from '../../../src/cli/settings-options.js';

/** A reference to a secret as it stands in a configuration file. */
const ref = (name: string) => `\${${name}}`;

const specs: OptionSpecs = { ...globalOptions, ...settingsOptions };
const config = (values: object) => ({ file: '/etc/app/lakeledger.yaml', values });

function resolve(inputs: Partial<Inputs>) {
  return resolveOptions(specs, {
    flags: {},
    env: {},
    config: undefined,
    resolveReference: async (text) => text.replace(ref('env:HOME_LAKE'), '/srv/lake'),
    ...inputs,
  });
}

describe('resolveOptions', () => {
  it('prefers flag, then environment, then configuration, then default', async () => {
    const all = {
      flags: { lake: 'from-flag' },
      env: { LAKELEDGER_LAKE: 'from-env' },
      config: config({ lake: 'from-config' }),
    };
    expect((await resolve(all)).values['lake']).toBe('from-flag');
    expect((await resolve({ ...all, flags: {} })).values['lake']).toBe('from-env');
    expect((await resolve({ config: all.config })).values['lake']).toBe('/etc/app/from-config');
    expect((await resolve({})).values['lake']).toBe('./lake');
  });

  it('says who decided', async () => {
    const { provenance } = await resolve({
      flags: { key: 'file_sha' },
      env: { LAKELEDGER_BATCH_SIZE: '7' },
      config: config({ checks: { fail_on: 'never' } }),
    });
    expect(provenance['key']).toEqual({ value: 'file_sha', source: 'flag', place: '--key' });
    expect(provenance['batch-size']).toEqual({ value: '7', source: 'env', place: 'LAKELEDGER_BATCH_SIZE' });
    expect(provenance['fail-on']).toEqual({
      value: 'never',
      source: 'config',
      place: '/etc/app/lakeledger.yaml: checks.fail_on',
    });
    expect(provenance['progress']?.source).toBe('default');
    expect(provenance['merge-sql']).toBeUndefined();
  });

  it('has an environment variable for every flag', async () => {
    for (const [name, spec] of Object.entries(specs)) {
      const text = spec.choices?.[1] ?? (spec.type === 'integer' ? '12' : spec.type === 'flag' ? 'true' : 'x');
      const { values } = await resolve({ env: { [envName(name)]: text } });
      const expected = { integer: 12, flag: true, list: ['x'], text }[spec.type];
      expect(values[name], name).toEqual(expected);
    }
  });

  it('reads a list from the environment line by line', async () => {
    const { values } = await resolve({ env: { LAKELEDGER_OUTPUT: 'json\ncsv=a,b.csv\n' } });
    expect(values['output']).toEqual(['json', 'csv=a,b.csv']);
  });

  it.each(['1', 'true', 'YES', 'on'])('reads %s as yes', async (text) => {
    expect((await resolve({ env: { LAKELEDGER_STRICT: text } })).values['strict']).toBe(true);
  });

  it.each(['0', 'false', 'No', 'off', ''])('reads %j as no', async (text) => {
    expect((await resolve({ env: { LAKELEDGER_STRICT: text } })).values['strict']).toBe(false);
  });

  it('lets the environment switch off what the configuration switches on', async () => {
    const { values } = await resolve({ env: { LAKELEDGER_STRICT: '0' }, config: config({ strict: true }) });
    expect(values['strict']).toBe(false);
  });

  it('writes the compound key of the configuration as the flag does', async () => {
    const { values } = await resolve({ config: config({ key: ['source_repo', 'file_path', 'file_sha'] }) });
    expect(values['key']).toBe('source_repo,file_path,file_sha');
  });

  it('takes paths of the configuration from its folder, but neither absolute paths nor URLs', async () => {
    const lake = async (text: string) => (await resolve({ config: config({ lake: text }) })).values['lake'];
    expect(await lake('../lake')).toBe('/etc/lake');
    expect(await lake('/srv/lake')).toBe('/srv/lake');
    expect(await lake('s3://bucket/lake')).toBe('s3://bucket/lake');
    expect(await lake(ref('env:HOME_LAKE'))).toBe('/srv/lake');
  });

  it('keeps references out of the provenance', async () => {
    const { provenance } = await resolve({ config: config({ lake: ref('env:HOME_LAKE') }) });
    expect(provenance['lake']?.value).toBe(ref('env:HOME_LAKE'));
  });

  it('does not resolve references outside the configuration', async () => {
    const { values } = await resolve({ flags: { lake: ref('env:HOME_LAKE') } });
    expect(values['lake']).toBe(ref('env:HOME_LAKE'));
  });

  it.each([
    [{ env: { LAKELEDGER_BATCH_SIZE: '1e3' } }, 'LAKELEDGER_BATCH_SIZE is a whole number of at least 1, not "1e3"'],
    [{ flags: { 'batch-size': '0' } }, '--batch-size is a whole number of at least 1, not "0"'],
    [{ flags: { 'batch-size': '99999999999999999999' } }, '--batch-size is a whole number'],
    [{ env: { LAKELEDGER_STRICT: 'perhaps' } }, 'LAKELEDGER_STRICT is yes or no, not "perhaps"'],
    [{ env: { LAKELEDGER_PROGRESS: 'bra' } }, 'LAKELEDGER_PROGRESS cannot be "bra"'],
  ])('refuses %j', async (inputs, message) => {
    await expect(resolve(inputs as Partial<Inputs>)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining(message),
    });
  });

  it('knows what was meant', async () => {
    await expect(resolve({ env: { LAKELEDGER_PROGRESS: 'bra' } })).rejects.toMatchObject({
      hint: 'did you mean "bar"?',
    });
  });
});
