import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, describe, expect, it, test } from 'vitest'

import { buildEnvironment, type Environment } from '../../../src/config/environment.ts'
import type { CheckedApp } from '../../../src/config/schema.ts'
import { codeOf } from './code-of.ts'

const folder = mkdtempSync(join(tmpdir(), 'lbm-env-'))
afterAll(() => rmSync(folder, { recursive: true }))

const build = (
  app: Partial<CheckedApp>,
  shell: NodeJS.ProcessEnv = {},
  environmentName?: string,
): Environment =>
  buildEnvironment({ app: { environments: {}, ...app }, shell, cwd: folder, environmentName })

describe('which value wins', () => {
  it('shell < env_file < env < port < env_<name>, and each source is known', () => {
    writeFileSync(join(folder, 'a.env'), '# comment\nA=file\nB="two words"\nexport C=3\n')
    const shell = { A: 'shell', B: 'shell', D: 'shell', PORT: '1' }
    const app: Partial<CheckedApp> = {
      env_file: ['a.env'],
      env: { D: 'env', E: 'env' },
      port: 80,
      environments: { production: { E: 'production' } },
    }
    const { env, sources } = build(app, shell, 'production')
    expect(env).toEqual({
      A: 'file',
      B: 'two words',
      C: '3',
      D: 'env',
      E: 'production',
      PORT: '80',
    })
    expect(sources).toEqual({
      A: 'env_file:a.env',
      B: 'env_file:a.env',
      C: 'env_file:a.env',
      D: 'env',
      E: 'env_production',
      PORT: 'port',
    })
  })

  it('env_<name> counts only when it is asked for', () => {
    expect(build({ environments: { production: { A: '1' } } }).env).toEqual({})
    expect(build({ environments: { production: { A: '1' } } }, {}, 'staging').env).toEqual({})
  })

  it('a missing env_file is an error that names it', () => {
    expect(codeOf(() => build({ env_file: ['none.env'] }))).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(join(folder, 'none.env')) as string,
    })
  })
})

describe('what the app does not get', () => {
  it("Node's channel and the marks of an instance", () => {
    const shell = {
      NODE_CHANNEL_FD: '3',
      NODE_UNIQUE_ID: '1',
      pm_id: '0',
      NODE_APP_INSTANCE: '0',
      LBM_AGENT: '{}',
      A: '1',
    }
    expect(build({}, shell).env).toEqual({ A: '1' })
  })

  test.each([
    [true, {}],
    [false, { AWS_KEY: '1', HOME: '/', MY_AWS: '2' }],
    ['HOME', { AWS_KEY: '1', MY_AWS: '2' }],
    [['AWS'], { HOME: '/' }],
  ] as const)('filter_env %j', (filter, expected) => {
    const app = { filter_env: typeof filter === 'object' ? [...filter] : filter }
    expect(build(app, { AWS_KEY: '1', HOME: '/', MY_AWS: '2' }).env).toEqual(expected)
  })

  it('what the file declares is never filtered', () => {
    expect(build({ filter_env: true, env: { A: '1' } }, { B: '2' }).env).toEqual({ A: '1' })
  })
})

describe('references', () => {
  test.each([
    ['${HOME}/data', '/home/x/data'],
    ['${NONE:-fallback}', 'fallback'],
    ['${EMPTY:-fallback}', 'fallback'],
    ['${HOME:-y}', '/home/x'],
    ['$${HOME}', '${HOME}'],
    ['$HOME', '$HOME'],
    ['a${OTHER}b', 'aotherb'],
    ['${B}', 'other/2'],
  ])('%s → %s', (value, expected) => {
    const env = { VALUE: value, OTHER: 'other', B: '${OTHER}/2' }
    expect(build({ env }, { HOME: '/home/x', EMPTY: '' }).env['VALUE']).toBe(expected)
  })

  it('a value that names itself means the one below', () => {
    expect(build({ env: { PATH: './bin:${PATH}' } }, { PATH: '/bin' }).env['PATH']).toBe(
      './bin:/bin',
    )
  })

  it('values that name each other end', () => {
    const { env } = build({ env: { A: 'a${B}', B: 'b${A}' } }, { A: '1', B: '2' })
    expect(env).toEqual({ A: 'ab1', B: 'ba2' })
  })

  it('what is not set stands for nothing, and is told', () => {
    expect(build({ env: { A: 'x${NONE}' } })).toMatchObject({
      env: { A: 'x' },
      warnings: ['${NONE} is not set; it stands for nothing'],
    })
  })

  it("the shell's own values are taken as they are", () => {
    expect(build({}, { PS1: '${debian}$' }).env['PS1']).toBe('${debian}$')
  })
})
