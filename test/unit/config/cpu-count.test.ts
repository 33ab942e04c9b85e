import { availableParallelism } from 'node:os'

import { describe, expect, it, test } from 'vitest'

import { cpuCount, resolveInstances } from '../../../src/config/cpu-count.ts'

/** A host of 8 CPUs with these files. */
const host = (files: Record<string, string>, parallelism = 8): number =>
  cpuCount({ parallelism, read: (path) => files[path] })

const V2_MOUNT = '30 1 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n'
const V1_MOUNT =
  '33 25 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:14 - cgroup cgroup rw,cpu,cpuacct\n'

describe('no control group', () => {
  it('is what the affinity allows', () => {
    expect(host({})).toBe(8)
    expect(cpuCount()).toBeLessThanOrEqual(availableParallelism())
  })
})

describe('cgroup v2', () => {
  const at = (path: string, max: Record<string, string>): Record<string, string> => ({
    '/proc/self/mountinfo': V2_MOUNT,
    '/proc/self/cgroup': `0::${path}\n`,
    ...max,
  })

  test.each([
    ['200000 100000', 2],
    ['150000 100000', 2],
    ['50000 100000', 1],
    ['max 100000', 8],
    ['1600000 100000', 8],
  ])('cpu.max "%s" → %i', (text, expected) => {
    expect(host(at('/app', { '/sys/fs/cgroup/app/cpu.max': `${text}\n` }))).toBe(expected)
  })

  it('a quota further up holds, too', () => {
    const files = {
      '/sys/fs/cgroup/system.slice/lbm.service/cpu.max': 'max 100000\n',
      '/sys/fs/cgroup/system.slice/cpu.max': '300000 100000\n',
    }
    expect(host(at('/system.slice/lbm.service', files))).toBe(3)
  })

  it('in a container the group is the mount itself', () => {
    expect(host(at('/', { '/sys/fs/cgroup/cpu.max': '200000 100000\n' }))).toBe(2)
  })
})

describe('cgroup v1', () => {
  const v1 = (quota: string, path: string, mount = V1_MOUNT): Record<string, string> => ({
    '/proc/self/mountinfo': mount,
    '/proc/self/cgroup': `4:memory:/x\n3:cpu,cpuacct:${path}\n0::/\n`,
    '/sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_quota_us': `${quota}\n`,
    '/sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_period_us': '100000\n',
    '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '-1\n',
    '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
  })

  test.each([
    ['250000', 3],
    ['-1', 8],
    ['10000', 1],
  ])('cfs_quota_us %s → %i', (quota, expected) => {
    expect(host(v1(quota, '/app'))).toBe(expected)
  })

  it('a container without a namespace sees its path below the root of the mount', () => {
    const mount =
      '33 25 0:28 /docker/abc /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n'
    expect(host(v1('200000', '/docker/abc/app', mount))).toBe(2)
  })
})

describe('resolveInstances', () => {
  test.each([
    ['max', 8, 8],
    [0, 8, 8],
    [-1, 8, 7],
    [-1, 1, 1],
    [-20, 8, 1],
    [3, 8, 3],
    [16, 8, 16],
  ] as const)('%s of %i CPUs → %i', (given, cpus, expected) => {
    expect(resolveInstances(given, () => cpus)).toBe(expected)
  })
})
