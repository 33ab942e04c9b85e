import { expect, test } from 'vitest'

import type { Boot } from '../../../src/cli/startup/boot.ts'
import { findPlatform, installation, platformOf } from '../../../src/cli/startup/platforms.ts'

const boot: Boot = {
  user: 'deploy',
  lbmHome: '/home/deploy/.lbm',
  userHome: '/home/deploy',
  node: '/opt/a "b" $c/100%/node',
  daemon: '/lib/lbm/daemon.cjs',
  path: '/usr/bin:/opt/$x/%h',
  service: 'lbm-deploy',
  waitsForNetwork: false,
  isUserUnit: false,
}

test('systemd: nothing in a path is expanded', () => {
  const { text, file, install } = installation('systemd', boot)
  expect(file).toBe('/etc/systemd/system/lbm-deploy.service')
  expect(text).toContain('ExecStart="/opt/a \\"b\\" $$c/100%%/node" "/lib/lbm/daemon.cjs"')
  expect(text).toContain('Environment="PATH=/usr/bin:/opt/$x/%%h"')
  expect(text).toContain('User=deploy')
  for (const line of ['Type=notify', 'KillMode=process', 'OOMPolicy=continue'])
    expect(text).toContain(line)
  expect(install).toEqual([
    ['systemctl', 'daemon-reload'],
    ['systemctl', 'enable', 'lbm-deploy.service'],
  ])
})

test('systemd: the user’s own manager needs no root and names no user', () => {
  const plan = installation('systemd', { ...boot, isUserUnit: true, service: 'lbm' })
  expect(plan).toMatchObject({
    needsRoot: false,
    file: '/home/deploy/.config/systemd/user/lbm.service',
  })
  expect(plan.text).not.toContain('User=')
  expect(plan.text).toContain('WantedBy=default.target')
})

test('systemd: into the files of another system', () => {
  const { file, install } = installation('systemd', boot, '/image')
  expect(file).toBe('/image/etc/systemd/system/lbm-deploy.service')
  expect(install).toEqual([['systemctl', '--root=/image', 'enable', 'lbm-deploy.service']])
})

test('launchd: what XML has a meaning for is escaped', () => {
  const { text } = installation('launchd', { ...boot, path: '/a&b/<c>' })
  expect(text).toContain('<string>/a&amp;b/&lt;c&gt;</string>')
})

test('the network is waited for on request', () => {
  const waiting = { ...boot, waitsForNetwork: true }
  expect(installation('systemd', waiting).text).toContain('Wants=network-online.target')
  expect(installation('openrc', waiting).text).toContain('need net')
})

test.each([
  ['ubuntu', 'systemd'],
  ['darwin', 'launchd'],
  ['openrc', 'openrc'],
  ['upstart', undefined],
])('%s is %s', (word, platform) => {
  expect(platformOf(word)).toBe(platform)
})

test('what is here is found by its program', () => {
  expect(findPlatform((name) => name === 'rc-update')).toBe('openrc')
  expect(findPlatform(() => false)).toBeUndefined()
})
