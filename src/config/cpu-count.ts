/** How many CPUs this process may really use: its affinity and the quota of its control groups. */

import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'

export interface CpuFacts {
  /** What the affinity mask allows. */
  parallelism: number
  /** @returns undefined for a file that is not there */
  read: (path: string) => string | undefined
}

export function systemCpuFacts(): CpuFacts {
  return {
    parallelism: availableParallelism(),
    read(path) {
      try {
        return readFileSync(path, 'utf8')
      } catch {
        return undefined // no such control group, or no Linux
      }
    },
  }
}

/** At least 1; a quota of 1.5 CPUs counts as 2. */
export function cpuCount({ parallelism, read }: CpuFacts = systemCpuFacts()): number {
  const quotas = quotaFiles(read).flatMap((files) => {
    const quota =
      'max' in files ? quotaOfV2(read(files.max)) : quotaOfV1(read(files.quota), read(files.period))
    return quota === undefined ? [] : [Math.ceil(quota)]
  })
  return Math.max(1, Math.min(parallelism, ...quotas))
}

type QuotaFiles = { max: string } | { quota: string; period: string }

/** A quota may stand at any level between the process's own group and the root of the mount. */
function quotaFiles(read: CpuFacts['read']): QuotaFiles[] {
  const mounts = readMounts(read('/proc/self/mountinfo') ?? '')
  const found: QuotaFiles[] = []
  for (const line of (read('/proc/self/cgroup') ?? '').split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    if (controllers === undefined || path === undefined) continue
    if (controllers !== '' && !controllers.split(',').includes('cpu')) continue
    const mount = mounts.find(({ isV2, options }) =>
      controllers === '' ? isV2 : !isV2 && options.includes('cpu'),
    )
    if (mount === undefined) continue
    for (const folder of levelsOf(mount, path)) {
      found.push(
        controllers === ''
          ? { max: join(folder, 'cpu.max') }
          : { quota: join(folder, 'cpu.cfs_quota_us'), period: join(folder, 'cpu.cfs_period_us') },
      )
    }
  }
  return found
}

interface Mount {
  root: string
  point: string
  isV2: boolean
  options: string[]
}

/** proc(5): `36 35 98:0 /root /point opts - type source super-opts`. */
function readMounts(mountinfo: string): Mount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ')
    const [, , , root, point] = before.split(' ')
    const [type, , options = ''] = after.split(' ')
    if (root === undefined || point === undefined || (type !== 'cgroup' && type !== 'cgroup2'))
      return []
    return [{ root, point, isV2: type === 'cgroup2', options: options.split(',') }]
  })
}

/** In a container the mount shows a part of the tree only: its root is cut off the path. */
function levelsOf({ root, point }: Mount, path: string): string[] {
  const isBelow = root !== '/' && (path === root || path.startsWith(`${root}/`))
  const parts = (isBelow ? path.slice(root.length) : path)
    .split('/')
    .filter((part) => part !== '' && part !== '..')
  return Array.from({ length: parts.length + 1 }, (_, n) => join(point, ...parts.slice(0, n)))
}

function quotaOfV2(text: string | undefined): number | undefined {
  const [quota, period] = (text ?? 'max').trim().split(' ').map(Number)
  return quota === undefined || Number.isNaN(quota) ? undefined : quota / (period ?? 100_000)
}

function quotaOfV1(quota: string | undefined, period: string | undefined): number | undefined {
  const micros = Number(quota ?? -1)
  return micros > 0 ? micros / Number(period ?? 100_000) : undefined
}

/** `max` and 0: all; −1: all but one, at least 1; else as given. */
export function resolveInstances(given: number | 'max', cpus: () => number = cpuCount): number {
  if (given === 'max' || given === 0) return cpus()
  return given < 0 ? Math.max(1, cpus() + given) : given
}
