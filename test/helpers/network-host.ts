/* oxlint-disable eslint/preserve-caught-error -- the message quotes it */
/** A host of its own for a test: a network namespace at the end of a cable. Needs root and iproute2. */

import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { requireProgram } from './proxy-programs.ts'

export interface NetworkHost extends Disposable {
  /** Its address, reached from here. */
  address: string
  /** A Node that runs in there. */
  node: string
  /** Cuts the cable: nobody is told, packets are lost. */
  cut(): void
  mend(): void
}

/** The kernel takes a moment to forget one. */
let made = 0

/** @param folder for a file of the test's */
export function networkHost(folder: string): NetworkHost {
  made += 1
  const index = made
  const ip = requireProgram('ip')
  const run = (...words: string[]): string => execFileSync(ip, words, { encoding: 'utf8' })
  const name = `lbm${process.pid % 100_000}x${index}`
  const [here, there] = [`${name}a`, `${name}b`]
  const network = `10.${211 + (index % 40)}.${process.pid % 250}`
  const node = join(folder, `node-${index}`)
  try {
    run('netns', 'add', name)
  } catch (error) {
    throw new Error(
      `This test needs to make network namespaces, as root: ${(error as Error).message}`,
      { cause: error },
    )
  }
  const end = (): void => void run('netns', 'del', name)
  try {
    run('link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', name)
  } catch (error) {
    end()
    throw error
  }
  run('addr', 'add', `${network}.1/24`, 'dev', here)
  run('link', 'set', here, 'up')
  run('-n', name, 'addr', 'add', `${network}.2/24`, 'dev', there)
  run('-n', name, 'link', 'set', there, 'up')
  run('-n', name, 'link', 'set', 'lo', 'up')
  writeFileSync(node, `#!/bin/sh\nexec ${ip} netns exec ${name} ${process.execPath} "$@"\n`, {
    mode: 0o755,
  })
  return {
    address: `${network}.2`,
    node,
    cut: () => void run('-n', name, 'link', 'set', there, 'down'),
    mend: () => void run('-n', name, 'link', 'set', there, 'up'),
    [Symbol.dispose]: end,
  }
}
