/** What of a definition is different when its app lives in the foreground. */

import { fstatSync } from 'node:fs'

import type { AppSpec, LogSpec } from '../../contract/app.ts'
import { foregroundLog } from '../../contract/foreground.ts'

export type LineShape = LogSpec['type']

export interface Foreground {
  /** undefined: as the app's definition says. */
  shape?: LineShape | undefined
  /** Standard output and error of this process are one file. */
  isOneOutput: boolean
}

/**
 * Output goes to this process's own; files that the user named get it as well. A single process ends for good when
 * it ends, unless its definition says otherwise: whoever runs it in the foreground wants to see its exit code.
 */
export function foregroundSpecs(specs: readonly AppSpec[], given: Foreground): AppSpec[] {
  const isAlone = specs.length === 1 && specs[0]?.instances === 1
  return specs.map((spec) => ({
    ...spec,
    ...(isAlone && !saysWhenToRestart(spec) ? { autorestart: false, restart: 'never' } : {}),
    logs: foregroundLogs(spec.logs, given),
  }))
}

function saysWhenToRestart({ raw }: AppSpec): boolean {
  return raw['autorestart'] !== undefined || raw['restart'] !== undefined
}

function foregroundLogs(logs: LogSpec, { shape, isOneOutput }: Foreground): LogSpec {
  const type = shape ?? logs.type
  const out = foregroundLog('out')
  if (logs.outFile !== undefined || logs.errorFile !== undefined)
    return { outFile: '/dev/null', errorFile: '/dev/null', ...logs, type, combinedFile: out }
  return { ...logs, type, outFile: out, errorFile: isOneOutput ? out : foregroundLog('error') }
}

/** One pipe or file with two writers would have lines inside of lines. */
export function hasOneOutput(): boolean {
  const [out, error] = [1, 2].map((fd) => fstatSync(fd))
  return out?.ino === error?.ino && out?.dev === error?.dev
}
