// Installs the whole other Nodes that tests run lbm on, as scripts/nodes/node22 and node24.
// Their packages bring a bin called "node"; among the project's own they would become the `node` of every npm script.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const MAJORS = [22, 24]

// Whoever installs lbm from git does not run its tests. npm marks that case with this variable.
if (!process.env['_PACOTE_NO_PREPARE_'])
  installNodes(fileURLToPath(new URL('nodes', import.meta.url)))

function installNodes(dir) {
  if (!isInstalled(dir)) {
    const npm = process.env['npm_execpath']
    const [command, args] = npm ? [process.execPath, [npm]] : ['npm', []]
    execFileSync(command, [...args, 'ci', '--no-global', '--include=optional'], {
      cwd: dir,
      stdio: 'inherit',
    })
  }
  for (const major of MAJORS) {
    const link = join(dir, `node${major}`)
    const bin = join(
      'node_modules',
      `node-${major}-${process.platform}-${process.arch}`,
      'bin/node',
    )
    rmSync(link, { force: true })
    if (existsSync(join(dir, bin))) symlinkSync(bin, link)
    else
      console.warn(
        `nodes: no Node ${major} for ${process.platform} ${process.arch}; its tests are skipped`,
      )
  }
}

/** npm keeps a copy of the lock file's packages beside what it installed. */
function isInstalled(dir) {
  try {
    const wanted = readPackages(join(dir, 'package-lock.json'))
    return Object.entries(readPackages(join(dir, 'node_modules/.package-lock.json'))).every(
      ([path, { version }]) => wanted[path]?.version === version,
    )
  } catch {
    // Not installed, or not whole: npm ci mends both.
    return false
  }
}

function readPackages(lockFile) {
  return JSON.parse(readFileSync(lockFile, 'utf8')).packages
}
