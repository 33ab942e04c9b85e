/** The service managers, how each is found, and what is done with it. */

import { join } from 'node:path'

import type { Boot } from './boot.ts'
import { launchdPlist } from './launchd.ts'
import { openrcScript } from './openrc.ts'
import { systemdUnit } from './systemd.ts'

export const PLATFORMS = ['systemd', 'openrc', 'launchd'] as const
export type Platform = (typeof PLATFORMS)[number]

/** PM2's words for systems. */
const SYNONYMS: Record<string, Platform> = {
  ubuntu: 'systemd',
  centos: 'systemd',
  redhat: 'systemd',
  debian: 'systemd',
  arch: 'systemd',
  oracle: 'systemd',
  gentoo: 'openrc',
  alpine: 'openrc',
  macos: 'launchd',
  darwin: 'launchd',
}

/** In the order in which they are looked for. */
const PROGRAM_OF: Record<Platform, string> = {
  systemd: 'systemctl',
  openrc: 'rc-update',
  launchd: 'launchctl',
}

export function platformOf(word: string): Platform | undefined {
  return PLATFORMS.find((one) => one === word) ?? SYNONYMS[word]
}

export function findPlatform(hasProgram: (name: string) => boolean): Platform | undefined {
  return PLATFORMS.find((platform) => hasProgram(PROGRAM_OF[platform]))
}

/** Commands as lists of words. */
export interface Installation {
  file: string
  text: string
  mode: number
  install: string[][]
  remove: string[][]
  needsRoot: boolean
}

/** @param root folder of another system's files, such as an image that is being built; '' for this one */
export function installation(platform: Platform, boot: Boot, root = ''): Installation {
  switch (platform) {
    case 'systemd':
      return systemd(boot, root)
    case 'openrc':
      return {
        file: join(root, '/etc/init.d', boot.service),
        text: openrcScript(boot),
        mode: 0o755,
        install: root === '' ? [['rc-update', 'add', boot.service, 'default']] : [],
        remove: root === '' ? [['rc-update', 'del', boot.service, 'default']] : [],
        needsRoot: root === '',
      }
    case 'launchd': {
      const file = join(root, boot.userHome, 'Library/LaunchAgents', `${boot.service}.plist`)
      return {
        file,
        text: launchdPlist(boot),
        mode: 0o644,
        install: root === '' ? [['launchctl', 'load', '-w', file]] : [],
        remove: root === '' ? [['launchctl', 'unload', '-w', file]] : [],
        needsRoot: false,
      }
    }
    default:
      return platform satisfies never
  }
}

function systemd(boot: Boot, root: string): Installation {
  const unit = `${boot.service}.service`
  const folder = boot.isUserUnit
    ? join(boot.userHome, '.config/systemd/user')
    : '/etc/systemd/system'
  const systemctl = [
    'systemctl',
    ...(boot.isUserUnit ? ['--user'] : []),
    ...(root === '' ? [] : [`--root=${root}`]),
  ]
  const reload = root === '' ? [[...systemctl, 'daemon-reload']] : []
  return {
    file: join(root, folder, unit),
    text: systemdUnit(boot),
    mode: 0o644,
    install: [...reload, [...systemctl, 'enable', unit]],
    // What runs goes on: only the next boot is another.
    remove: [[...systemctl, 'disable', unit]],
    needsRoot: !boot.isUserUnit && root === '',
  }
}
