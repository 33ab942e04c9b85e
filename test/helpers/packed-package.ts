/** The package as npm would publish it, in the node_modules of a program that uses it. */

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { DIST } from './dist.ts'

const ROOT = join(DIST, '..')

export interface Consumer extends Disposable {
  folder: string
  /** Writes a file of the program. @returns its path */
  file(name: string, text: string): string
}

export function newConsumer(): Consumer {
  const folder = mkdtempSync(join(tmpdir(), 'lbm-user-'))
  installPackage(ROOT, folder)
  return {
    folder,
    file(name, text) {
      const path = join(folder, name)
      writeFileSync(path, text)
      return path
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** Packs what was built in a checkout, and installs that as npm would. @returns its `lbm` */
export function installPackage(checkout: string, folder: string): string {
  const installed = join(folder, 'node_modules/lbm')
  mkdirSync(installed, { recursive: true })
  const pack = ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder, checkout]
  const archive = execFileSync('npm', pack, { cwd: checkout, encoding: 'utf8' }).trim()
  execFileSync('tar', ['xzf', join(folder, archive), '-C', installed, '--strip-components=1'])
  return join(installed, 'bin/lbm.js')
}
