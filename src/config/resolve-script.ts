/** From what the user asked to run to what is run: which file, by which program. */

import { accessSync, constants, readdirSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, extname, resolve } from 'node:path'

import { LbmError, nearestOf } from '../contract/errors.ts'
import { canStripTypes, findNvmNode, versionOfNode } from './node-version.ts'
import { fileKind, type FileKind, findInPath, findProgram, isExecutable } from './programs.ts'

export interface ScriptRequest {
  /** As typed. */
  script: string
  /** Absolute. */
  cwd: string
  /** As typed; undefined: by extension. */
  interpreter?: string | undefined
  interpreterArgs: readonly string[]
  /** For PATH, HOME and NVM_DIR. */
  env: NodeJS.ProcessEnv
}

export interface ResolvedScript {
  /** Absolute path of the file, or of the shell. */
  script: string
  /** Set when the shell runs it. */
  command?: string
  interpreter?: string
  interpreterName: string
  interpreterArgs: string[]
  runtime: 'node' | 'other'
  nodeVersion?: string
}

const NODE_EXTENSIONS = new Set(['.js', '.cjs', '.mjs'])
const TYPESCRIPT_EXTENSIONS = new Set(['.ts', '.mts', '.cts', '.tsx'])
const INTERPRETERS: Record<string, readonly string[]> = {
  '.py': ['python3', 'python'],
  '.sh': ['bash', 'sh'],
  '.rb': ['ruby'],
  '.pl': ['perl'],
  '.php': ['php'],
}
const SHELLS = ['bash', 'sh']

/** @throws LbmError CWD_UNREADABLE, SCRIPT_NOT_FOUND or INTERPRETER_NOT_FOUND */
export function resolveScript(request: ScriptRequest): ResolvedScript {
  checkCwd(request.cwd)
  const path = resolve(request.cwd, request.script)
  if (/\s/.test(request.script.trim()) && !exists(path)) return shellCommand(request)
  const script = exists(path) ? path : findInPath(request.script, request.env['PATH'], request.cwd)
  if (script === undefined) throw notFound(request.script, path)
  checkScript(script)
  return byInterpreter(script, request)
}

/** @throws LbmError CWD_UNREADABLE */
function checkCwd(cwd: string): void {
  const unreadable = (why: string, cause?: unknown): LbmError =>
    new LbmError('CWD_UNREADABLE', `The working directory ${cwd} ${why}.`, {
      cause,
      hint: 'give another one by --cwd',
    })
  const stats = statOf(cwd)
  if (stats === undefined) throw unreadable('is not there')
  if (!stats.isDirectory()) throw unreadable('is not a folder')
  try {
    accessSync(cwd, constants.R_OK | constants.X_OK)
  } catch (error) {
    throw unreadable('may not be entered', error)
  }
}

function exists(path: string): boolean {
  return statOf(path) !== undefined
}

function statOf(path: string): ReturnType<typeof statSync> {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch (error) {
    // A path through a file (`app.js/x`) or through a folder that may not be entered.
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOTDIR' || code === 'EACCES' || code === 'ELOOP' || code === 'ENAMETOOLONG')
      return undefined
    throw error
  }
}

function checkScript(script: string): void {
  if (statOf(script)?.isDirectory()) {
    const inside = ['index.js', 'server.js', 'app.js', 'main.js'].find((file) =>
      exists(`${script}/${file}`),
    )
    throw new LbmError('SCRIPT_NOT_FOUND', `${script} is a folder, not a script.`, {
      hint: inside === undefined ? 'name the file to run' : `did you mean ${script}/${inside}?`,
    })
  }
  try {
    accessSync(script, constants.R_OK)
  } catch (error) {
    if (isExecutable(script)) return
    throw new LbmError('SCRIPT_NOT_FOUND', `${script} may not be read.`, { cause: error })
  }
}

function notFound(given: string, path: string): LbmError {
  const files = filesBeside(path)
  const nearest =
    files.find((file) => file === `${basename(path)}.js`) ?? nearestOf(basename(path), files)
  const where = given.includes('/') ? '' : ', and PATH has no program of that name'
  return new LbmError('SCRIPT_NOT_FOUND', `There is no script ${path}${where}.`, {
    hint:
      nearest === undefined
        ? 'check the path; --cwd says what it is relative to'
        : `did you mean ${nearest}?`,
    subject: path,
  })
}

function filesBeside(path: string): string[] {
  try {
    return readdirSync(dirname(path))
  } catch {
    return [] // nothing to suggest from
  }
}

/** The command line as typed; the shell replaces itself by a single command, so signals reach it. */
function shellCommand({ script, env, cwd, interpreter }: ScriptRequest): ResolvedScript {
  if (interpreter !== undefined && interpreter !== 'none') {
    throw new LbmError('SCRIPT_NOT_FOUND', `There is no script "${script}" in ${cwd}.`, {
      hint: 'arguments of the script go behind "--"',
    })
  }
  const shell = SHELLS.map((name) => findInPath(name, env['PATH'], cwd)).find(
    (path) => path !== undefined,
  )
  if (shell === undefined) {
    throw new LbmError(
      'INTERPRETER_NOT_FOUND',
      `No shell (${SHELLS.join(', ')}) in PATH to run "${script}".`,
    )
  }
  return {
    script: shell,
    command: script,
    interpreterName: 'none',
    interpreterArgs: [],
    runtime: 'other',
  }
}

function byInterpreter(script: string, request: ScriptRequest): ResolvedScript {
  const { interpreter, interpreterArgs } = request
  if (interpreter === 'none') return itself(script)
  if (interpreter !== undefined) return byNamed(script, interpreter, request)

  const extension = extname(script).toLowerCase()
  if (NODE_EXTENSIONS.has(extension))
    return byNode(script, process.execPath, 'node', interpreterArgs)
  if (TYPESCRIPT_EXTENSIONS.has(extension))
    return byNode(script, process.execPath, 'node', interpreterArgs)

  const found = kindOf(script)
  const names = INTERPRETERS[extension]
  if (
    names !== undefined &&
    !(extension === '.sh' && found.kind === 'shebang' && isExecutable(script))
  ) {
    return byFirst(script, names, request)
  }
  return byContent(script, found, request)
}

function kindOf(script: string): FileKind {
  try {
    return fileKind(script)
  } catch {
    return { kind: 'binary' } // runnable, not readable: only the kernel can tell
  }
}

function byContent(script: string, found: FileKind, request: ScriptRequest): ResolvedScript {
  if (found.kind === 'shebang') {
    const name = basename(found.interpreter)
    // A Node program gets the agent, whatever it is called: the programs in node_modules/.bin have no extension.
    if (name === 'node') {
      return byNode(script, process.execPath, 'node', [...found.args, ...request.interpreterArgs])
    }
    return isExecutable(script)
      ? itself(script)
      : byFirst(script, [found.interpreter, name], request)
  }
  if (found.kind === 'binary') {
    if (isExecutable(script)) return itself(script)
    throw new LbmError('SCRIPT_NOT_FOUND', `${script} is a binary file that may not be executed.`, {
      hint: `type "chmod +x ${script}"`,
    })
  }
  if (extname(script) === '')
    return byNode(script, process.execPath, 'node', request.interpreterArgs)
  throw new LbmError(
    'INTERPRETER_NOT_FOUND',
    `Nothing says which program runs a ${extname(script)} file: ${script}.`,
    {
      hint: 'name it, such as --interpreter python3; or give the file a #! line and chmod +x',
    },
  )
}

function itself(script: string): ResolvedScript {
  return { script, interpreterName: 'none', interpreterArgs: [], runtime: 'other' }
}

function byNamed(script: string, name: string, request: ScriptRequest): ResolvedScript {
  if (name === 'node') return byNode(script, process.execPath, name, request.interpreterArgs)
  if (name.startsWith('node@')) {
    return byNode(
      script,
      findNvmNode(name.slice('node@'.length), request.env),
      name,
      request.interpreterArgs,
    )
  }
  const path = findProgram(name, request.env['PATH'], request.cwd)
  if (path === undefined) throw noInterpreter([name], script)
  if (isNode(path)) return byNode(script, path, name, request.interpreterArgs)
  return {
    script,
    interpreter: path,
    interpreterName: name,
    interpreterArgs: [...request.interpreterArgs],
    runtime: 'other',
  }
}

/** `/opt/node22/bin/node`, `/usr/bin/nodejs`, `node-v24`, or a link to one of them. */
function isNode(path: string): boolean {
  return [path, realpathSync(path)].some((one) => /^node(js)?(-?v?\d[\d.]*)?$/.test(basename(one)))
}

function byFirst(script: string, names: readonly string[], request: ScriptRequest): ResolvedScript {
  for (const name of names) {
    const path = findProgram(name, request.env['PATH'], request.cwd)
    if (path !== undefined) {
      return {
        script,
        interpreter: path,
        interpreterName: basename(name),
        interpreterArgs: [...request.interpreterArgs],
        runtime: 'other',
      }
    }
  }
  throw noInterpreter(names, script)
}

function noInterpreter(names: readonly string[], script: string): LbmError {
  const named = [...new Set(names)].join(' or ')
  return new LbmError(
    'INTERPRETER_NOT_FOUND',
    `${named}, which should run ${script}, is not in PATH.`,
    {
      hint: 'install it, or give the path of one by --interpreter',
    },
  )
}

/** Arguments with which a Node runs TypeScript by other means. */
const TYPESCRIPT_BY_FLAG =
  /^(?:--import|--loader|--experimental-loader|--require|-r|--experimental-(?:strip|transform)-types)(?:=|$)/

function byNode(
  script: string,
  path: string,
  name: string,
  args: readonly string[],
): ResolvedScript {
  const nodeVersion = versionOfNode(path)
  const extension = extname(script).toLowerCase()
  const isTypeScript = TYPESCRIPT_EXTENSIONS.has(extension)
  const canRun = extension !== '.tsx' && canStripTypes(nodeVersion)
  if (isTypeScript && !canRun && !args.some((arg) => TYPESCRIPT_BY_FLAG.test(arg))) {
    throw new LbmError(
      'INTERPRETER_NOT_FOUND',
      `Node ${nodeVersion} cannot run ${script}: ${whoCan(extension)}.`,
      {
        hint: 'use such a Node, or --interpreter tsx, or --node-args "--import tsx"',
      },
    )
  }
  return {
    script,
    interpreter: path,
    interpreterName: name,
    interpreterArgs: [...args],
    runtime: 'node',
    nodeVersion,
  }
}

function whoCan(extension: string): string {
  return extension === '.tsx'
    ? 'no Node runs .tsx by itself'
    : 'TypeScript runs by itself from Node 22.18 and 23.6 on'
}
