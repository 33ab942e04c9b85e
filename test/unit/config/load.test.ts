import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { afterAll, describe, expect, it, test } from 'vitest'

import { isConfigFileName } from '../../../src/config/config-file-name.ts'
import { CONFIG_FILE_NAMES, findConfigFile } from '../../../src/config/find-config-file.ts'
import { loadConfigFile } from '../../../src/config/load.ts'

const folder = mkdtempSync(join(tmpdir(), 'lbm-load-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string): string {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  return path
}

const APPS = { apps: [{ name: 'api', script: 'app.js', instances: 2, env: { A: 1 } }] }
const LITERAL = `{ apps: [{ name: 'api', script: 'app.js', instances: 2, env: { A: 1 } }] }`

describe('every language says the same', () => {
  test.each([
    ['a.config.js', `module.exports = ${LITERAL}`],
    ['a.config.cjs', `module.exports = ${LITERAL}`],
    ['a.config.mjs', `export default ${LITERAL}`],
    ['named.config.mjs', `export const apps = ${LITERAL}.apps`],
    ['a.config.ts', `interface C { apps: object[] }\nconst c: C = ${LITERAL}\nexport default c`],
    ['a.config.cts', `const c: { apps: object[] } = ${LITERAL}\nmodule.exports = c`],
    ['esm-in-js.config.js', `export default ${LITERAL}`],
    [
      'esm/a.config.js',
      `import { join } from 'node:path'\nexport default ${LITERAL}\nexport { join }`,
    ],
    ['function.config.js', `module.exports = () => (${LITERAL})`],
    ['async.config.mjs', `export default async () => (${LITERAL})`],
    ['promise.config.js', `module.exports = Promise.resolve(${LITERAL})`],
    ['await.config.mjs', `const c = await Promise.resolve(${LITERAL})\nexport default c`],
    [
      'transpiled.config.js',
      `Object.defineProperty(exports, '__esModule', { value: true })\nexports.default = ${LITERAL}`,
    ],
    ['a.json', JSON.stringify(APPS)],
    ['pm2-style.json', `// comment\n${LITERAL.replace('] }', '],\n}')}`],
    ['a.json5', LITERAL],
    [
      'a.yaml',
      'apps:\n  - name: api\n    script: app.js\n    instances: 2\n    env:\n      A: 1\n',
    ],
    ['a.yml', '# c\napps: [{ name: api, script: app.js, instances: 2, env: { A: 1 } }]\n'],
  ])('%s', async (name, text) => {
    file('esm/package.json', '{"type":"module"}')
    const loaded = (await loadConfigFile(file(name, text))) as typeof APPS
    expect(JSON.parse(JSON.stringify(loaded.apps))).toEqual(APPS.apps)
  })

  it('a file may use what is beside it', async () => {
    file('beside.cjs', `module.exports = 'app.js'`)
    const path = file(
      'uses.config.js',
      `module.exports = { apps: [{ script: require('./beside.cjs'), cwd: __dirname }] }`,
    )
    expect(await loadConfigFile(path)).toEqual({ apps: [{ script: 'app.js', cwd: folder }] })
  })
})

describe('what is broken is told with its place', () => {
  test.each([
    [
      'syntax.config.js',
      'module.exports = {\n  apps: [\n}',
      'syntax.config.js:3',
      "SyntaxError: Unexpected token '}'",
    ],
    [
      'throws.config.js',
      '\nnull.x',
      'throws.config.js:2:6',
      'TypeError: Cannot read properties of null',
    ],
    [
      'throws.config.mjs',
      '\nexport default null.x',
      'throws.config.mjs:2',
      'TypeError: Cannot read properties of null',
    ],
    [
      'late.config.js',
      'module.exports = () => {\n  throw new Error("no secret")\n}',
      'late.config.js:2:9',
      'Error: no secret',
    ],
    ['word.config.js', 'throw "plain"', 'word.config.js', 'threw "plain"'],
    [
      'missing.config.js',
      'require("no-such-package")',
      'missing.config.js:1',
      "Cannot find module 'no-such-package'",
    ],
    ['bad.json', '{\n  "apps": [}\n', 'bad.json:2:12', "invalid character '}'"],
    ['bad.yaml', 'apps:\n  - name: "x\n', 'bad.yaml:', 'Missing closing "quote'],
  ])('%s', async (name, text, place, message) => {
    const error = await loadConfigFile(file(name, text)).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
    expect((error as Error).message).toContain(place)
    expect((error as Error).message).toContain(message)
    expect((error as Error).message).not.toContain('node_modules')
  })

  it('a file that is not there', async () => {
    await expect(loadConfigFile(join(folder, 'none.config.js'))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('is not there') as string,
    })
  })

  it('JSON is never run as code', async () => {
    await expect(
      loadConfigFile(file('code.json', '{ "apps": process.exit(7) }')),
    ).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })
})

describe('names', () => {
  test.each([
    ['ecosystem.config.js', true],
    ['x/y.config.mts', true],
    ['process.json', true],
    ['a.json5', true],
    ['pm2.yml', true],
    ['app.js', false],
    ['app.json-server.js', false],
    ['config.js', false],
    ['npm run x.json y', false],
  ])('%s is an ecosystem file: %s', (name, expected) => {
    expect(isConfigFileName(name)).toBe(expected)
  })

  test.each(CONFIG_FILE_NAMES.map((name) => [name]))(
    '%s is found by itself, and known by its name',
    (name) => {
      const path = file(`find-${name}/${name}`, '')
      expect(findConfigFile(dirname(path))).toBe(path)
      expect(isConfigFileName(name)).toBe(true)
    },
  )

  it('nothing is found where there is nothing', () => {
    expect(findConfigFile(join(folder, 'esm'))).toBeUndefined()
  })
})
