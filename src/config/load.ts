/** Reads an ecosystem file, whatever its language, as the value that it holds. It runs in the caller's process, with the caller's rights. */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, extname, join } from 'node:path'

import { LbmError } from '../contract/errors.ts'
import { parseJson, parseYaml } from './parse-text.ts'

/**
 * @param file absolute path
 * @throws LbmError CONFIG_INVALID with the place of the mistake
 */
export async function loadConfigFile(file: string): Promise<unknown> {
  const extension = extname(file).toLowerCase()
  if (/^\.json5?$/.test(extension)) return parseJson(readText(file), file)
  if (/^\.ya?ml$/.test(extension)) return parseYaml(readText(file), file)
  readText(file) // for one wording of "not there"
  try {
    return await valueOf(await loadModule(file))
  } catch (error) {
    throw brokenFile(file, error)
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') {
      throw new LbmError('CONFIG_INVALID', `The file ${file} is not there.`, {
        cause,
        subject: file,
      })
    }
    throw new LbmError('CONFIG_INVALID', `The file ${file} cannot be read: ${message}.`, { cause })
  }
}

async function loadModule(file: string): Promise<unknown> {
  if (isCommonJs(file)) {
    try {
      return createRequire(file)(file)
    } catch (error) {
      if (!isModuleSyntax(error)) throw error
    }
  }
  const { loadByJiti } = await import('./load-by-jiti.ts')
  return await loadByJiti(file)
}

function isCommonJs(file: string): boolean {
  const extension = extname(file).toLowerCase()
  if (extension !== '.js') return extension === '.cjs'
  for (let at = dirname(file); ; at = dirname(at)) {
    const type = packageType(join(at, 'package.json'))
    if (type !== undefined) return type !== 'module'
    if (at === dirname(at)) return true
  }
}

function packageType(file: string): string | undefined {
  try {
    const { type = 'commonjs' } = JSON.parse(readFileSync(file, 'utf8')) as { type?: string }
    return type
  } catch {
    return undefined // none here, or a broken one, which Node would report where it matters
  }
}

/** `import` or `export` in a .js file of a package that does not say `"type": "module"`. */
function isModuleSyntax(error: unknown): boolean {
  const { name, message, code } = error as NodeJS.ErrnoException
  if (code === 'ERR_REQUIRE_ESM' || code === 'ERR_REQUIRE_ASYNC_MODULE') return true
  return (
    name === 'SyntaxError' &&
    /Unexpected token 'export'|Cannot use import statement|import\.meta|await is only valid/.test(
      message,
    )
  )
}

/** Default export before named ones; a function is called, a promise awaited. */
async function valueOf(loaded: unknown): Promise<unknown> {
  let value = loaded
  if (typeof value === 'object' && value !== null && 'default' in value) value = value.default
  if (typeof value === 'function') value = (value as () => unknown)()
  return await value
}

/** The message, and the line of the user's file where it happened. */
function brokenFile(file: string, error: unknown): LbmError {
  if (!(error instanceof Error)) {
    return new LbmError('CONFIG_INVALID', `${basename(file)} threw ${JSON.stringify(error)}.`, {
      cause: error,
    })
  }
  const place = placeIn(file, error)
  const [firstLine = ''] = error.message.split('\n')
  return new LbmError('CONFIG_INVALID', `${place}: ${error.name}: ${firstLine}`, { cause: error })
}

function placeIn(file: string, { stack = '' }: Error): string {
  const at = stack.indexOf(`${file}:`)
  const position =
    at === -1 ? undefined : /^:(\d+(?::\d+)?)/.exec(stack.slice(at + file.length))?.[1]
  return position === undefined ? file : `${file}:${position}`
}
