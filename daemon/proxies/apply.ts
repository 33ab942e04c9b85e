/** A new configuration as a transaction: it serves, or the old one is back in its place. */

import { chmod, readFile, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

import { isLbmError, LbmError } from '../../src/contract/errors.ts'
import type { ProxyKind } from '../../src/contract/proxy.ts'
import { writeFileAtomic } from '../kernel/atomic-file.ts'
import { after, type Clock } from '../kernel/clock.ts'
import type { ProxyProgram } from './port.ts'
import { isAboutRights, rightsHint } from './rights.ts'
import { originOf } from './signed-text.ts'

const FILE_MODE = 0o644
const POLL_MS = 50
/** Its log is looked at more rarely. */
const LOOK_EVERY = 5
/** A busy nginx with many certificates takes seconds to read its configuration. */
const CONFIRM_MS = 10_000

export interface NewFile {
  path: string
  /** Signed. */
  text: string
  generation: string
}

export interface ApplyOptions {
  program: ProxyProgram
  clock: Clock
  /** Overwrite what lbm did not write, or what somebody changed. */
  force: boolean
}

/** @throws LbmError OPERATION_FAILED for a file that is not lbm's as lbm wrote it */
export async function writeConfiguration(
  { path, text }: Pick<NewFile, 'path' | 'text'>,
  force: boolean,
): Promise<{ before: string | undefined }> {
  const before = await readIfThere(path)
  if (before !== undefined && !force) checkOrigin(path, before)
  if (before !== undefined && originOf(before) !== 'ours')
    await write(`${path}.before-lbm`, before, path)
  await write(path, text)
  return { before }
}

/** @throws LbmError OPERATION_FAILED with the old configuration in its place and serving */
export async function applyConfiguration(
  file: NewFile,
  { program, clock, force }: ApplyOptions,
): Promise<{ confirmedAfterMs?: number }> {
  const { before } = await writeConfiguration(file, force)
  if (before === file.text && (await program.serving()) === file.generation) return {}
  const wall = clock.wall()
  // Whole seconds: that is how nginx' log has them.
  const startedAt = wall - (wall % 1000)
  const started = clock.now()
  try {
    const { ok, output } = await program.judge(file.path)
    if (!ok) throw refused(program, output.trim())
    await program.reload()
    if (await serves(file.generation, startedAt, { program, clock })) {
      return { confirmedAfterMs: Math.round(clock.now() - started) }
    }
    const complaints = await program.complaints(startedAt)
    const why = complaints.length > 0 ? complaints.join('; ') : `see ${LOG_OF[program.kind]}`
    throw new LbmError(
      'OPERATION_FAILED',
      `The running ${program.kind} did not take the configuration: ${why}`,
    )
  } catch (error) {
    await restore(file, before, program)
    throw withRestored(error, file.path, before, program)
  }
}

const LOG_OF: Record<ProxyKind, string> = {
  nginx: 'its error log',
  haproxy: 'what it wrote to its standard error (journalctl -u haproxy)',
}

function refused({ kind }: ProxyProgram, output: string): LbmError {
  return new LbmError('OPERATION_FAILED', `${kind} refuses the configuration: ${output}`)
}

async function serves(
  generation: string,
  startedAt: number,
  { program, clock }: Pick<ApplyOptions, 'program' | 'clock'>,
): Promise<boolean> {
  const deadline = after(clock.now(), CONFIRM_MS)
  for (let turn = 1; clock.now() < deadline; turn += 1) {
    if ((await program.serving()) === generation) return true
    if (turn % LOOK_EVERY === 0 && (await program.hasRefused(startedAt))) return false
    await new Promise<void>((resolve) => clock.at(after(clock.now(), POLL_MS), resolve))
  }
  return false
}

/** A late one may have begun to serve meanwhile: then it is asked to go back. */
async function restore(
  { path, generation }: NewFile,
  before: string | undefined,
  program: ProxyProgram,
): Promise<void> {
  if (before === undefined) await rm(path, { force: true })
  else await write(path, before)
  if ((await program.serving()) === generation) await program.reload().catch(() => undefined) // told already
}

function withRestored(
  error: unknown,
  path: string,
  before: string | undefined,
  { kind }: ProxyProgram,
): unknown {
  if (!isLbmError(error)) return error
  const what =
    before === undefined ? `${path} was removed again.` : `${path} is what it was before.`
  const hint = isAboutRights(error.message) ? rightsHint(kind, path) : error.hint
  return new LbmError(error.code, `${error.message} — ${what}`, { hint, cause: error })
}

function checkOrigin(path: string, text: string): void {
  const origin = originOf(text)
  if (origin === 'ours') return
  const why = origin === 'edited' ? 'was changed by hand' : 'was not written by lbm'
  throw new LbmError('OPERATION_FAILED', `${path} ${why}; it is left as it is.`, {
    hint: 'choose another file (--out), or overwrite it with --force: the old one is kept beside it as .before-lbm',
  })
}

export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new LbmError('OPERATION_FAILED', `${path} cannot be read: ${(cause as Error).message}`, {
      cause,
    })
  }
}

/** @param like a file whose mode the new one gets */
async function write(path: string, text: string, like = path): Promise<void> {
  try {
    const { mode } = await stat(like).catch(() => ({ mode: FILE_MODE }))
    await writeFileAtomic(path, text, { mode: mode & 0o777 })
    await chmod(path, mode & 0o777)
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    const isRights = code === 'EACCES' || code === 'EPERM' || code === 'EROFS'
    throw new LbmError('OPERATION_FAILED', `${path} cannot be written: ${message}`, {
      cause,
      hint: isRights
        ? `the daemon runs as an ordinary user: print the text and put it there as root (lbm proxy … | sudo tee ${path}), or choose another file with --out`
        : `is there a folder ${dirname(path)}? choose another file with --out`,
    })
  }
}
