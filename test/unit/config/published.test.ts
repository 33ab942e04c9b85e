import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { expect, it } from 'vitest'

import { loadConfigFile } from '../../../src/config/load.ts'
import { readApps } from '../../../src/config/read-apps.ts'

const ROOT = join(import.meta.dirname, '../../..')

it(
  'schema/ecosystem.schema.json is what the table of keys says (node scripts/schema.mjs writes it)',
  { timeout: 30_000 },
  () => {
    const generated = execFileSync(
      process.execPath,
      [join(ROOT, 'scripts/schema.mjs'), '--print'],
      { encoding: 'utf8' },
    )
    expect(readFileSync(join(ROOT, 'schema/ecosystem.schema.json'), 'utf8')).toBe(generated)
  },
)

it('ecosystem.example.json loads without a remark', async () => {
  const file = join(ROOT, 'ecosystem.example.json')
  const { specs, warnings } = readApps(await loadConfigFile(file), {
    file,
    cwd: ROOT,
    env: process.env,
    environmentName: 'production',
  })
  expect(warnings).toEqual([])
  expect(specs.map(({ name, mode }) => [name, mode])).toEqual([
    ['web', 'cluster'],
    ['worker', 'fork'],
    ['clock', 'fork'],
  ])
})
