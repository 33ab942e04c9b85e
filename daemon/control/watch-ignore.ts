/** Which paths a watcher leaves alone. */

import { basename, relative, sep } from 'node:path'

export interface IgnoreOptions {
  /** What is watched; absolute. */
  roots: readonly string[]
  /** The app's. */
  cwd: string
  /** Globs, paths, or `/regex/`. */
  ignore: readonly string[]
  /** Only files with one of these; none: all. */
  extensions: readonly string[]
  /** Files and folders that lbm itself writes; watched only where a root lies in one. */
  own: readonly string[]
}

/** `picomatch`'s shape. */
export type CompileGlob = (glob: string, options: { dot: boolean }) => (path: string) => boolean

/**
 * A pattern without a slash means a file or folder of that name anywhere below a root (`node_modules`, `*.log`);
 * one with a slash means a path from the root or, as in PM2, from the working directory on, and all below it.
 */
export function createIgnore(
  { roots, cwd, ignore, extensions, own }: IgnoreOptions,
  compileGlob: CompileGlob,
): (path: string, isFile: boolean) => boolean {
  const rules = ignore.map((pattern) => compileRule(pattern, compileGlob))
  const named = own.filter((path) => !roots.some((root) => isWithin(root, path)))

  return (path, isFile) => {
    if (named.some((one) => isWithin(path, one))) return true
    const root = roots.find((one) => isWithin(path, one))
    if (root === undefined || path === root) return false
    const below = relative(root, path).replaceAll(sep, '/')
    const fromCwd = isWithin(path, cwd) ? relative(cwd, path).replaceAll(sep, '/') : below
    if (rules.some((rule) => rule({ below, fromCwd, path }))) return true
    return isFile && extensions.length > 0 && !extensions.some((one) => hasExtension(path, one))
  }
}

interface Place {
  below: string
  fromCwd: string
  path: string
}

type Rule = (place: Place) => boolean

function compileRule(pattern: string, compileGlob: CompileGlob): Rule {
  const expression = patternOf(pattern)
  // PM2's expressions expect a path with slashes before each name.
  if (expression !== undefined)
    return ({ below }) => expression.test(below) || expression.test(`/${below}`)
  if (pattern.startsWith('/')) {
    const matches = compileGlob(trimmed(pattern), { dot: true })
    return ({ path }) => anyPrefix(path, matches)
  }
  const relativePattern = trimmed(pattern.replace(/^\.\//, ''))
  const matches = compileGlob(relativePattern, { dot: true })
  if (relativePattern.includes('/')) {
    return ({ below, fromCwd }) => anyPrefix(below, matches) || anyPrefix(fromCwd, matches)
  }
  return ({ below }) => below.split('/').some((name) => matches(name))
}

/** `/x/` is an expression; a path with a closing slash is one too, where it has nothing that only expressions have. */
function patternOf(pattern: string): RegExp | undefined {
  if (pattern.length < 3 || !pattern.startsWith('/') || !pattern.endsWith('/')) return undefined
  const source = pattern.slice(1, -1)
  if (!/[\\^$+?()[\]|]|\.\*/.test(source)) return undefined
  try {
    return new RegExp(source)
  } catch {
    return undefined // then it is a strange path
  }
}

/** True when the path or a folder that it lies in matches. */
function anyPrefix(path: string, matches: (path: string) => boolean): boolean {
  for (let end = path.indexOf('/', 1); end !== -1; end = path.indexOf('/', end + 1)) {
    if (matches(path.slice(0, end))) return true
  }
  return matches(path)
}

function trimmed(pattern: string): string {
  return pattern.length > 1 && pattern.endsWith('/') ? pattern.slice(0, -1) : pattern
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`)
}

function hasExtension(path: string, extension: string): boolean {
  return basename(path).endsWith(extension.startsWith('.') ? extension : `.${extension}`)
}
