/** Runs a script on a host: by ssh, or in a shell of this one. */

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { isatty } from 'node:tty'

import type { DeployHost, DeployTarget } from '../../config/deploy-section.ts'
import { PHASE_MARK } from './scripts.ts'
import { shellQuote } from './shell-quote.ts'

/** A host that does not answer at all. */
const CONNECT_SECONDS = 15
/** ssh's own failure: it did not come as far as the script. */
export const SSH_FAILED = 255

export interface HostRun {
  code: number
  /** How far it came. */
  phase: string | undefined
}

export interface HostRunOptions {
  target: DeployTarget
  host: DeployHost
  script: string
  out: (line: string) => void
  err: (line: string) => void
}

/** bash where there is one, since hooks were written for it. */
const RUN = 'if command -v bash >/dev/null 2>&1; then exec bash -c "$1"; else exec sh -c "$1"; fi'

/** PM2's rule: by this name no ssh is needed. */
export function isLocal({ host, port }: DeployHost): boolean {
  return host === 'localhost' && port === undefined
}

/** What is called, as a list of words: no shell of this host sees them. */
export function commandFor(
  target: DeployTarget,
  host: DeployHost,
  script: string,
  isTerminal: boolean,
): { file: string; args: string[] } {
  if (isLocal(host)) return { file: 'sh', args: ['-c', RUN, 'sh', script] }
  const { key, forwardsAgent, needsTty, sshOptions } = target
  const destination = host.user === undefined ? host.host : `${host.user}@${host.host}`
  const args = [
    ...sshOptions.flatMap((option) => ['-o', option]),
    // A question that nobody is there to answer would hang.
    ...(isTerminal ? [] : ['-o', 'BatchMode=yes']),
    ...['-o', `ConnectTimeout=${CONNECT_SECONDS}`],
    ...(host.port === undefined ? [] : ['-p', String(host.port)]),
    ...(key === undefined ? [] : ['-i', key]),
    ...(forwardsAgent ? ['-A'] : []),
    needsTty ? '-t' : '-T',
    destination,
    `sh -c ${shellQuote(RUN)} sh ${shellQuote(script)}`,
  ]
  return { file: 'ssh', args }
}

export function runOnHost({ target, host, script, out, err }: HostRunOptions): Promise<HostRun> {
  const { file, args } = commandFor(target, host, script, isatty(0))
  const child = spawn(file, args, {
    stdio: target.needsTty ? 'inherit' : ['ignore', 'pipe', 'pipe'],
  })
  let phase: string | undefined
  const read = (line: string): void => {
    if (line.startsWith(PHASE_MARK)) phase = line.slice(PHASE_MARK.length)
    else out(line)
  }
  const streams: Promise<void>[] = []
  if (child.stdout !== null) streams.push(eachLine(child.stdout, read))
  if (child.stderr !== null) streams.push(eachLine(child.stderr, err))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      void Promise.all(streams).then(() => resolve({ code: code ?? SSH_FAILED, phase }))
    })
  })
}

async function eachLine(
  stream: NodeJS.ReadableStream,
  onLine: (line: string) => void,
): Promise<void> {
  for await (const line of createInterface({ input: stream })) onLine(line)
}
