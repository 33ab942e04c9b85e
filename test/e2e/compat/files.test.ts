/** Ecosystem files as a user has them: one meaning in each language, and what is wrong told with its place. */

import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'

import { type Cli, type ListedInstance, newCli, type Run } from '../../helpers/cli.ts'
import { FIXTURES } from '../../helpers/dist.ts'
import { NODES } from '../../helpers/nodes.ts'
import { RUN_FOLDER } from '../../helpers/temp-home.ts'

const folder = mkdtempSync(join(process.env[RUN_FOLDER] ?? '', 'files-'))
cpSync(FIXTURES, folder, { recursive: true })
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const SET = {
  apps: [
    {
      name: 'api',
      script: 'facts.cjs',
      args: ['--port', '80'],
      instances: 2,
      env: { A: '1', N: 5 },
      env_production: { A: '2' },
      max_memory_restart: '300M',
      kill_timeout: '2s',
    },
    {
      name: 'worker',
      script: 'worker.cjs',
      namespace: 'back',
      watch: ['src'],
      cron_restart: '0 3 * * *',
    },
    { name: 'later', script: 'worker.cjs', autostart: false, stop_exit_codes: [3] },
  ],
}
const json = JSON.stringify(SET, null, 2)

const LANGUAGES: Record<string, string> = {
  'a.config.js': `module.exports = ${json}`,
  'b.config.cjs': `module.exports = async () => (${json})`,
  'c.config.mjs': `export default ${json}`,
  'd.config.ts': `interface File { apps: unknown[] }\nconst file: File = ${json}\nexport default file`,
  'e.json': `// a comment\n${json}`,
  'f.yaml': stringify(SET),
}

/** What is of this process and this moment. */
const OF_ITS_OWN = new Set(['pm_id', 'pm_uptime', 'created_at', 'lbm', 'env', '_'])

function comparable(list: ListedInstance[]): unknown[] {
  const lowest = Math.min(...list.map(({ pm_id }) => pm_id))
  return list.map(({ name, pm_id, pm2_env }) => {
    const entries = Object.entries(pm2_env).filter(([key]) => !OF_ITS_OWN.has(key))
    // A file of an instance has its id in its name.
    const text = JSON.stringify(Object.fromEntries(entries), (_, value: unknown) =>
      typeof value === 'string' ? value.replace(`-${pm_id}.`, '-ID.') : value,
    )
    return [name, pm_id - lowest, JSON.parse(text) as unknown]
  })
}

function idsByName(list: ListedInstance[]): Record<string, number[]> {
  const ids: Record<string, number[]> = {}
  for (const { name, pm_id } of list) (ids[name] ??= []).push(pm_id)
  return ids
}

test.each([NODES[0], NODES.at(-1)].filter((node) => node !== undefined))(
  'the same apps as .js, .cjs, .mjs, .ts, .json and .yaml, read by %s → the same jlist',
  async (_name, node) => {
    await using cli = newCli({ cwd: folder, node })
    const lists: Record<string, unknown[]> = {}
    const told: Record<string, number[]>[] = []
    for (const [name, text] of Object.entries(LANGUAGES)) {
      writeFileSync(join(folder, name), text)
      await cli.ok('start', name, '--env', 'production', '--no-wait', '--json')
      const list = await cli.jlist()
      lists[name] = comparable(list)
      told.push(idsByName(list))
      await cli.ok('delete', 'all', '--json')
    }
    const [first = [], ...others] = Object.values(lists)
    expect(first).toHaveLength(4)
    expect(told[0]).toEqual({ api: [0, 1], worker: [2], later: [3] })
    for (const other of others) expect(other).toEqual(first)
  },
)

test('a file of many apps: each is started, and nothing is said on stderr', async () => {
  await using cli = newCli({ cwd: folder })
  const apps = Array.from({ length: 24 }, (_, index) => ({
    name: `w${index}`,
    script: 'worker.cjs',
  }))
  writeFileSync(join(folder, 'many.json'), JSON.stringify({ apps }))
  await cli.ok('start', 'worker.cjs', '--no-wait')
  const { stderr } = await cli.ok('start', 'many.json')
  expect(stderr).toBe('')
  expect(await cli.jlist()).toHaveLength(25)
})

describe('what is wrong is told with its place, and nothing is started', () => {
  let cli: Cli
  beforeAll(() => {
    cli = newCli({ cwd: folder })
  })
  afterAll(() => cli[Symbol.asyncDispose]())

  const app = (keys: Record<string, unknown>): string =>
    `module.exports = ${JSON.stringify({
      apps: [
        { name: 'good', script: 'worker.cjs' },
        { name: 'bad', script: 'worker.cjs', ...keys },
      ],
    })}`

  interface Case {
    file?: string
    text: string
    words?: string[]
    says: RegExp[]
    exitCode: number
  }

  const CASES: Record<string, Case> = {
    'a file that throws': {
      text: `\nconst unset = undefined\nmodule.exports = { apps: unset.list }`,
      says: [/wrong\.config\.cjs:3/, /Cannot read properties of undefined/],
      exitCode: 2,
    },
    'a promise that is rejected': {
      text: `module.exports = async () => { throw new Error('no vault') }`,
      says: [/wrong\.config\.cjs/, /no vault/],
      exitCode: 2,
    },
    'an error of syntax': {
      text: `module.exports = {\n  apps: [,,}\n}`,
      says: [/wrong\.config\.cjs:2/],
      exitCode: 2,
    },
    'an error of syntax in JSON': {
      file: 'wrong.json',
      text: `{ "apps": [\n  { "name": "x" "script": "y" }\n] }`,
      says: [/wrong\.json:2/],
      exitCode: 2,
    },
    'an error of syntax in YAML': {
      file: 'wrong.yaml',
      text: `apps:\n  - name: x\n   script: y\n`,
      says: [/wrong\.yaml:[23]/],
      exitCode: 2,
    },
    'an error of syntax in TypeScript': {
      file: 'wrong.config.ts',
      text: `export default {\n  apps: [,,}\n}`,
      says: [/wrong\.config\.ts:2/],
      exitCode: 2,
    },
    'nothing is exported': {
      text: `const apps = []`,
      says: [/wrong\.config\.cjs/, /apps/],
      exitCode: 2,
    },
    'no app': { text: `module.exports = { apps: [] }`, says: [/wrong\.config\.cjs/], exitCode: 2 },
    'two apps of one name': {
      text: app({ name: 'good' }),
      says: [/wrong\.config\.cjs/, /apps\[1\]/, /"good"/],
      exitCode: 2,
    },
    'a count that is none': {
      text: app({ instances: 'abc' }),
      says: [/apps\[1\] \(bad\)\.instances: expected a whole number.*"abc"/],
      exitCode: 2,
    },
    'a size that is none': {
      text: app({ max_memory_restart: '100Q' }),
      says: [/apps\[1\] \(bad\)\.max_memory_restart: expected a size.*"100Q"/],
      exitCode: 2,
    },
    'a cron that is none': {
      text: app({ cron_restart: '99 x * foo 9-' }),
      says: [/apps\[1\] \(bad\)\.cron_restart/, /99 x \* foo 9-/],
      exitCode: 2,
    },
    'several at once': {
      text: app({ instances: 0.5, kill_timeout: 'soon', env: 'A=1' }),
      says: [/\.instances/, /\.kill_timeout/, /\.env/],
      exitCode: 2,
    },
    'an env_file that is missing': {
      text: app({ env_file: 'none.env' }),
      says: [/apps\[1\] \(bad\)/, /none\.env/],
      exitCode: 2,
    },
    'a script that is missing': {
      text: app({ script: 'none.js' }),
      says: [/apps\[1\] \(bad\)/, /none\.js/],
      exitCode: 1,
    },
    'no script': {
      text: app({ script: undefined }),
      says: [/apps\[1\] \(bad\)/, /script/],
      exitCode: 2,
    },
    'a circle of needs': {
      text: app({ depends_on: ['bad'] }),
      says: [/bad/],
      exitCode: 2,
    },
    '--only without a match': {
      text: app({}),
      words: ['--only', 'zzz'],
      says: [/zzz/, /good, bad/],
      exitCode: 2,
    },
    'a typing error with --strict': {
      text: app({ max_memory_restrat: '1G' }),
      words: ['--strict'],
      says: [/max_memory_restrat/, /max_memory_restart/],
      exitCode: 2,
    },
    'a file that is not there': {
      file: 'elsewhere/ecosystem.config.js',
      text: '',
      says: [/elsewhere\/ecosystem\.config\.js/],
      exitCode: 2,
    },
  }

  test.each(Object.entries(CASES))(
    '%s',
    async (_name, { file = 'wrong.config.cjs', text, words = [], says, exitCode }) => {
      if (text !== '') writeFileSync(join(folder, file), text)
      const runs: Run[] = await Promise.all(
        ['start', 'apply'].map((command) => cli.lbm(command, file, ...words)),
      )
      for (const run of runs) {
        for (const part of says) expect(run.stderr).toMatch(part)
        expect(run.stderr).not.toMatch(/^ {4}at |bug in lbm/m)
        expect(run.exitCode).toBe(exitCode)
      }
      // Not even a daemon.
      expect(existsSync(cli.home.socket)).toBe(false)
    },
  )
})
