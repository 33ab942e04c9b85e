/** An earlier lbm: built from the commit before this one and installed as a package. */

import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'

import { DIST } from './dist.ts'
import { installPackage } from './packed-package.ts'

const ROOT = join(DIST, '..')
/** Another commit, tag or branch to upgrade from. */
const FROM = process.env['LBM_TEST_UPGRADE_FROM'] ?? 'HEAD~1'
const NOT_SOURCES = ['node_modules', 'dist', '.git']

export interface EarlierPackage {
  bin: string
  /** What it was made of, for whoever reads the run. */
  from: string
}

/** @param folder of its own; nothing is downloaded */
export function installEarlier(folder: string, version: string): EarlierPackage {
  const checkout = join(folder, 'checkout')
  mkdirSync(checkout)
  const from = checkOut(checkout)
  const manifest = join(checkout, 'package.json')
  const text = readFileSync(manifest, 'utf8')
  writeFileSync(manifest, text.replace(/"version": "[^"]+"/, `"version": "${version}"`))
  symlinkSync(join(ROOT, 'node_modules'), join(checkout, 'node_modules'))
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: checkout, stdio: 'ignore' })
  const bin = installPackage(checkout, folder)
  rmSync(checkout, { recursive: true })
  return { bin, from }
}

/** Where there is no history (a shallow clone, an archive), today's sources stand for the earlier ones. */
function checkOut(checkout: string): string {
  const archive = join(checkout, '..', 'checkout.tar')
  try {
    const git = ['archive', '--output', archive, FROM]
    execFileSync('git', git, { cwd: ROOT, stdio: 'ignore' })
    execFileSync('tar', ['xf', archive, '-C', checkout])
    return `commit ${execFileSync('git', ['rev-parse', '--short', FROM], { cwd: ROOT, encoding: 'utf8' }).trim()}`
  } catch {
    cpSync(ROOT, checkout, {
      recursive: true,
      filter: (path) => !NOT_SOURCES.includes(basename(path)),
    })
    return 'the same sources, since there is no earlier commit here'
  }
}
