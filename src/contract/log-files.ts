/** Where an instance's output goes: PM2's file names. Pure, since the supervisor writes and the CLI reads the same files. */

import type { AppSpec } from './app.ts'

export interface LogFiles {
  out: string
  error: string
  combined?: string
}

/** Characters outside `[a-zA-Z0-9.-]` become `-` in file names. */
export function sanitiseFileName(name: string): string {
  return name.replace(/[^a-zA-Z0-9.\-\\]/g, '-')
}

/** True where each instance writes files of its own, with its id in the name. */
function hasOwnFiles(spec: AppSpec): boolean {
  return !spec.logs.merge && (spec.instancesGiven || spec.mode === 'cluster')
}

/** `x.log` → `x-3.log`; a path that does not end in `.log` is never suffixed. */
function withId(path: string, id: number): string {
  return path.endsWith('.log') ? `${path.slice(0, -4)}-${id}.log` : path
}

/** @param logsDir absolute path of the home's `logs` folder @param id PM2's pm_id */
export function logFilesOf(spec: AppSpec, logsDir: string, id: number): LogFiles {
  const base = `${logsDir}/${sanitiseFileName(spec.name)}`
  const place = (path: string): string => (hasOwnFiles(spec) ? withId(path, id) : path)
  const files: LogFiles = {
    out: place(spec.logs.outFile ?? `${base}-out.log`),
    error: place(spec.logs.errorFile ?? `${base}-error.log`),
  }
  if (spec.logs.combinedFile !== undefined) {
    files.combined = place(spec.logs.combinedFile === true ? `${base}.log` : spec.logs.combinedFile)
  }
  return files
}

/** The id is always part of a pid file's name. */
export function pidFileOf(spec: AppSpec, pidsDir: string, id: number): string {
  const base = spec.pidFile ?? `${pidsDir}/${sanitiseFileName(spec.name)}.pid`
  return base.endsWith('.pid') ? `${base.slice(0, -4)}-${id}.pid` : `${base}-${id}`
}
