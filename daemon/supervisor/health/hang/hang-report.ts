/**
 * Asks a process that hangs where it hangs. Its event loop does not turn, so nothing that the agent could have set up
 * would run; but on SIGUSR1 Node opens its inspector from a thread of its own, which can interrupt the code that runs.
 */

import { mkdir, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { after, type Clock } from '../../../kernel/clock.ts'
import { signalPid } from '../../../kernel/process-tree.ts'
import { connectInspector, type Inspector } from './inspector-client.ts'

export interface HangReport {
  /** Innermost function of the app's own: `parse (/srv/app/feed.js:12)`. */
  place: string
  /** Absolute path of Node's diagnostic report; undefined when it could not be written. */
  file: string | undefined
}

export interface HangReportOptions {
  app: string
  pid: number
  reportsDir: string
  clock: Clock
}

/** The instance is out of service already; this long it may be kept from its end. */
const TIME_BOX_MS = 2500
const POLL_MS = 20
/** Older ones are removed. */
const MAX_REPORTS = 20
/** Accounts of people begin here on every Linux distribution; 65534 is nobody. */
const FIRST_USER = 1000
const LAST_USER = 60_000

/** @returns undefined where it cannot be had: no Linux, an inspector that is off, a loop in native code */
export async function takeHangReport(options: HangReportOptions): Promise<HangReport | undefined> {
  const { pid, clock } = options
  if (process.platform !== 'linux' || (await othersAreHere())) return undefined
  const giveUp = new AbortController()
  using _ = clock.at(after(clock.now(), TIME_BOX_MS), () => giveUp.abort())
  try {
    const port = await openInspector(pid, clock, giveUp.signal)
    using inspector = await connectInspector(port, giveUp.signal)
    return await ask(inspector, options)
  } catch {
    return undefined // best effort: the instance is replaced with or without it
  }
}

/**
 * For these milliseconds whoever can reach the loopback interface could run code as the app's user. A host with other
 * people on it goes without a report.
 */
async function othersAreHere(): Promise<boolean> {
  const own = process.getuid?.()
  const owners = await Promise.all(
    (await readdir('/proc'))
      .filter((name) => /^\d+$/.test(name))
      .map((name) =>
        stat(`/proc/${name}`).then(
          ({ uid }) => uid,
          () => own,
        ),
      ),
  )
  return owners.some(
    (uid) => uid !== undefined && uid !== own && uid >= FIRST_USER && uid < LAST_USER,
  )
}

/** Resolves with the port on which it opened. */
async function openInspector(pid: number, clock: Clock, signal: AbortSignal): Promise<number> {
  const before = await loopbackPortsOf(pid)
  signalPid(pid, 'SIGUSR1')
  while (!signal.aborted) {
    await new Promise<void>((resolve) => clock.at(after(clock.now(), POLL_MS), resolve))
    const opened = (await loopbackPortsOf(pid)).find((port) => !before.includes(port))
    if (opened !== undefined) return opened
  }
  throw new Error('no inspector was opened')
}

const LOOPBACK_HEX = '0100007F'
const LISTEN_STATE = '0A'

async function loopbackPortsOf(pid: number): Promise<number[]> {
  const fds = await readdir(`/proc/${pid}/fd`)
  const links = await Promise.all(
    fds.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')),
  )
  const own = new Set(links)
  const lines = (await readFile(`/proc/${pid}/net/tcp`, 'utf8')).split('\n').slice(1)
  return lines.flatMap((line) => {
    const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/)
    const [address, port = ''] = local.split(':')
    const isOurs = state === LISTEN_STATE && own.has(`socket:[${inode}]`)
    return isOurs && address === LOOPBACK_HEX ? [Number.parseInt(port, 16)] : []
  })
}

interface CallFrame {
  callFrameId: string
  functionName: string
  location: { scriptId: string; lineNumber: number }
}

async function ask(inspector: Inspector, options: HangReportOptions): Promise<HangReport> {
  const scripts = new Map<string, string>()
  inspector.on('Debugger.scriptParsed', (params) => {
    const { scriptId, url } = params as { scriptId: string; url: string }
    scripts.set(scriptId, url.replace(/^file:\/\//, ''))
  })
  const paused = new Promise<CallFrame[]>((resolve) =>
    inspector.on('Debugger.paused', (params) =>
      resolve((params as { callFrames: CallFrame[] }).callFrames),
    ),
  )
  await inspector.call('Debugger.enable')
  await inspector.call('Debugger.pause')
  const frames = await Promise.race([paused, inspector.ended])
  if (frames === undefined) throw new Error('it cannot be interrupted')
  const [innermost] = frames
  const own = frames.find(({ location }) => scripts.get(location.scriptId)?.startsWith('/'))
  const file = await writeReport(inspector, innermost, options).catch(() => undefined)
  return { place: describeFrame(own ?? innermost, scripts), file }
}

function describeFrame(frame: CallFrame | undefined, scripts: Map<string, string>): string {
  if (frame === undefined) return 'native code'
  const { functionName, location } = frame
  const where = `${scripts.get(location.scriptId) ?? ''}:${location.lineNumber + 1}`
  return functionName === '' ? where : `${functionName} (${where})`
}

/** Node's own report, without the environment: that is nobody's business who looks for a bug. */
const REPORT = `(() => {
  process.report.excludeNetwork = true
  return JSON.stringify({ ...process.report.getReport(), environmentVariables: undefined }, null, 2)
})()`

async function writeReport(
  inspector: Inspector,
  frame: CallFrame | undefined,
  { app, pid, reportsDir, clock }: HangReportOptions,
): Promise<string | undefined> {
  if (frame === undefined) return undefined
  const answer = (await inspector.call('Debugger.evaluateOnCallFrame', {
    callFrameId: frame.callFrameId,
    expression: REPORT,
    returnByValue: true,
  })) as { result: { value?: unknown } }
  if (typeof answer.result.value !== 'string') return undefined
  const at = new Date(clock.wall()).toISOString().replaceAll(/[-:]|\.\d+/g, '')
  const file = join(reportsDir, `${app.replaceAll(/[^\w.-]/g, '_')}-${pid}-${at}.json`)
  await mkdir(reportsDir, { recursive: true, mode: 0o700 })
  await writeFile(file, answer.result.value, { mode: 0o600 })
  await removeOldest(reportsDir)
  return file
}

async function removeOldest(dir: string): Promise<void> {
  const files = (await readdir(dir)).map((name) => join(dir, name))
  const dated = await Promise.all(
    files.map(async (file) => ({ file, mtimeMs: (await stat(file)).mtimeMs })),
  )
  const tooMany = dated.sort((a, b) => b.mtimeMs - a.mtimeMs).slice(MAX_REPORTS)
  await Promise.all(tooMany.map(({ file }) => rm(file, { force: true })))
}
