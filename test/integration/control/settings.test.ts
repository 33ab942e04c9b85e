import { statSync, writeFileSync } from 'node:fs'

import { expect, test } from 'vitest'

import { startDaemon } from '../../helpers/running-daemon.ts'

test('settings: changes at once are all kept, null takes away, nobody else may read them', async () => {
  await using daemon = await startDaemon()
  const names = Array.from({ length: 20 }, (_, index) => `m:k${index}`)
  await Promise.all(
    names.map((name) => daemon.call('settings.write', { changes: { [name]: 'v' } })),
  )
  await daemon.call('settings.write', { changes: { 'm:k0': null, 'm:k1': 'w' } })
  const { settings } = await daemon.call('settings.read', {})
  expect(Object.keys(settings)).toHaveLength(19)
  expect(settings['m:k1']).toBe('w')
  expect(statSync(daemon.home.settings).mode & 0o777).toBe(0o600)
})

test('a settings file that cannot be read is never written over', async () => {
  await using daemon = await startDaemon()
  writeFileSync(daemon.home.settings, '{ half')
  const change = daemon.call('settings.write', { changes: { a: 'b' } })
  await expect(change).rejects.toMatchObject({ code: 'STATE_UNREADABLE' })
})

test('a cleared list stays as the backup of the saved one', async () => {
  await using daemon = await startDaemon()
  await daemon.call('state.save', { force: true })
  const { path } = await daemon.call('state.clear', {})
  expect(statSync(`${path}.bak`).size).toBeGreaterThan(0)
})
