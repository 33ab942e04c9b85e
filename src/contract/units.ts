/** Branded numbers and the parsing and printing of durations and sizes. Pure. */

declare const unit: unique symbol

/** A point on a monotonic clock, in milliseconds. Never stored, never compared across processes. */
export type Monotonic = number & { readonly [unit]: 'monotonic' }
/** Wall-clock milliseconds since 1970, for people and for files. */
export type EpochMs = number & { readonly [unit]: 'epoch' }

const DURATION = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?$/
const MS_PER: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Reads `5000`, `"5000"`, `"5s"`, `"2m"`, `"1.5h"` as milliseconds.
 * @returns undefined when the text is not a duration
 */
export function parseDurationMs(value: string | number): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? value : undefined
  const match = DURATION.exec(value.trim())
  if (match === null) return undefined
  return Math.round(Number(match[1]) * (MS_PER[match[2] ?? 'ms'] ?? 1))
}

const SIZE = /^(\d+(?:\.\d+)?)\s*([kmgt])?(?:i?b)?$/i
const SIZE_STEPS = ['', 'k', 'm', 'g', 't']

/**
 * Reads `1048576`, `"200M"`, `"1.5G"`, `"64kb"` as bytes (steps of 1024, as PM2 has them).
 * @returns undefined when the text is not a size
 */
export function parseBytes(value: string | number): number | undefined {
  if (typeof value === 'number')
    return Number.isFinite(value) && value >= 0 ? Math.round(value) : undefined
  const match = SIZE.exec(value.trim())
  if (match === null) return undefined
  return Math.round(Number(match[1]) * 1024 ** SIZE_STEPS.indexOf((match[2] ?? '').toLowerCase()))
}

/** `53821440` → `51.3mb`, in PM2's spelling. */
export function formatBytes(bytes: number): string {
  const steps = ['b', 'kb', 'mb', 'gb', 'tb']
  let step = 0
  let rest = bytes
  while (rest >= 1024 && step < steps.length - 1) {
    rest /= 1024
    step += 1
  }
  return `${step === 0 ? rest : rest.toFixed(1)}${steps[step] ?? ''}`
}

/** `3723000` → `62m`: the largest unit that still says two of it, else seconds. */
export function formatUptime(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 120) return `${seconds}s`
  if (seconds < 2 * 3600) return `${Math.floor(seconds / 60)}m`
  if (seconds < 2 * 86_400) return `${Math.floor(seconds / 3600)}h`
  return `${Math.floor(seconds / 86_400)}D`
}

/** `1500` → `1.5 s`, `300` → `300 ms`: for sentences. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  const seconds = Math.round(ms / 100) / 10
  return `${seconds} s`
}
