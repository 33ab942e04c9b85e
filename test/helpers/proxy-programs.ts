/** The real nginx and HAProxy of this machine. Tests install nothing: they say what is missing. */

import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** @throws Error that names the package, where the program is not there */
export function requireProgram(name: 'nginx' | 'haproxy' | 'openssl' | 'ip'): string {
  const folders = `${process.env['PATH'] ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`.split(
    delimiter,
  )
  for (const folder of folders) {
    const path = join(folder, name)
    if (isExecutable(path)) return path
  }
  const package_ = name === 'ip' ? 'iproute2' : name
  throw new Error(
    `This test needs the real ${name}, which is not installed: apt-get install ${package_}`,
  )
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** A certificate for `localhost` with its key in the same file. */
export function makeCertificate(folder: string): string {
  const file = join(folder, 'site.pem')
  const { status, stderr } = spawnSync(
    requireProgram('openssl'),
    [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=localhost',
      '-keyout',
      file,
      '-out',
      `${file}.crt`,
    ],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(stderr)
  spawnSync('sh', ['-c', `cat ${file}.crt >> ${file}`])
  return file
}
